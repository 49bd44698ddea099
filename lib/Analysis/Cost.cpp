//===- Cost.cpp - Operations and bytes of an operation --------------------===//

#include "mixln/Analysis/Cost.h"

#include "mixln/Analysis/Lifetimes.h"
#include "mixln/IR/Joined.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mixln;

static double elements(Type type) {
  auto shaped = dyn_cast<ShapedType>(type);
  return shaped ? static_cast<double>(shaped.getNumElements()) : 1.0;
}

static double bytesOf(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  return static_cast<double>(type.getNumElements()) *
         type.getElementTypeBitWidth() / 8;
}

/// Arithmetic of one operation of a row program's body.
static double bodyFlops(Operation &op) {
  if (isa<math::FmaOp>(op))
    return 2 * elements(op.getResult(0).getType());
  if (auto reduction = dyn_cast<vector::ReductionOp>(op))
    return elements(reduction.getVector().getType());
  bool isArithmetic =
      isa<arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::DivFOp,
          arith::NegFOp, arith::MaximumFOp, arith::MinimumFOp>(op) ||
      isa_and_nonnull<math::MathDialect>(op.getDialect());
  return isArithmetic ? elements(op.getResult(0).getType()) : 0;
}

static double rowFlops(RowwiseOp op) {
  double points = 1;
  for (int64_t extent : op.getDomain())
    points *= static_cast<double>(extent);
  double perPoint = 0;
  for (Operation &inner : op.getBodyBlock()->without_terminator())
    perPoint += bodyFlops(inner);
  for (Value sum : op.getYield().getSums())
    perPoint += elements(sum.getType());
  return points * perPoint;
}

static double matmulFlops(MatmulOp op) {
  double flops = 0;
  for (unsigned i = 0; i < op.getNumProducts(); ++i) {
    auto lhs = cast<RankedTensorType>(op.getLhsOf(i).getType());
    int64_t m = lhs.getDimSize(op.getTransposeLhs() ? 1 : 0);
    flops += 2.0 * static_cast<double>(m) * static_cast<double>(op.getN(i)) *
             static_cast<double>(op.getK(i));
  }
  for (Value into : op.getInto())
    flops += elements(into.getType());
  return flops;
}

/// `products` matrix products of which the causal mask leaves half.
template <typename OpTy>
static double attentionFlops(OpTy op, double products) {
  double seqLen = static_cast<double>(op.getSeqLen());
  return products * elements(op.getQ().getType()) * seqLen;
}

Cost mixln::getCost(Operation *op) {
  Cost cost;
  if (!isKernel(op))
    return cost;
  for (Value value : llvm::concat<Value>(SmallVector<Value>(op->getOperands()),
                                         SmallVector<Value>(op->getResults())))
    cost.bytes += bytesOf(value);
  if (auto rowwise = dyn_cast<RowwiseOp>(op)) {
    cost.flops = rowFlops(rowwise);
  } else if (auto matmul = dyn_cast<MatmulOp>(op)) {
    cost.flops = matmulFlops(matmul);
  } else if (auto joined = dyn_cast<JoinedOp>(op)) {
    cost.flops =
        matmulFlops(joined.getProduct()) + rowFlops(joined.getReader());
  } else if (auto attention = dyn_cast<AttentionOp>(op)) {
    cost.flops = attentionFlops(attention, 2);
  } else if (auto gradient = dyn_cast<AttentionGradOp>(op)) {
    cost.flops = attentionFlops(gradient, 5);
  } else if (auto step = dyn_cast<AttentionStepOp>(op)) {
    // Over all positions; the new caches are the old ones.
    cost.flops = attentionFlops(step, 4);
    cost.bytes -= bytesOf(step.getKeys()) + bytesOf(step.getValues());
  } else if (auto embedding = dyn_cast<EmbeddingOp>(op)) {
    // Of the table only the rows that the ids name.
    cost.bytes +=
        bytesOf(embedding.getResult()) - bytesOf(embedding.getTable());
  } else if (auto gradient = dyn_cast<EmbeddingGradOp>(op)) {
    cost.flops = elements(gradient.getDy().getType());
  }
  return cost;
}

double mixln::getFlopsPerToken(ModuleOp module) {
  auto config = module->getAttrOfType<DictionaryAttr>("mixln.config");
  if (!config)
    return 0;
  auto number = [&](StringRef key) {
    auto value = config.getAs<IntegerAttr>(key);
    return value ? static_cast<double>(value.getInt()) : 0.0;
  };
  double weights = 0;
  for (auto variable : module.getOps<VariableOp>())
    if (variable.getRole() == Role::Parameter &&
        variable.getParameterClass() != "embed")
      weights += elements(variable.getType());
  return 6 * weights + 12 * number("num_hidden_layers") *
                           number("hidden_size") * number("seq_len") / 2;
}
