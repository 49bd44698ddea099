//===- MatmulModel.cpp - Backward of matmul and pack ----------------------===//
//
// With C = op(A) op(B), op a transposition or nothing,
//
//   d op(A) = dC op(B)^T        d op(B) = op(A)^T dC
//
// and the transpose of that where A or B was read transposed. The products are
// written so that no operand is ever transposed in memory.
//
//===----------------------------------------------------------------------===//

#include "mixln/IR/Mixln.h"
#include "mixln/Interfaces/Differentiable.h"
#include "mixln/Transforms/Differentiate/DifferentiableModels.h"

using namespace mlir;
using namespace mixln;

/// The plain tensor behind a packed one.
static Value unpacked(Value value) {
  while (auto pack = value.getDefiningOp<PackOp>())
    value = pack.getValue();
  return value;
}

/// The sum of the products lhs[i] * rhs[i], a tensor like `like`.
static Value sumOfProducts(MatmulOp forward, OpBuilder &builder, Value like,
                           SmallVector<Value> lhs, SmallVector<Value> rhs,
                           bool transposeLhs, bool transposeRhs) {
  bool reduce = lhs.size() > 1;
  // A side that is the same in every product is listed once.
  if (llvm::all_equal(lhs) && !llvm::all_equal(rhs))
    lhs.resize(1);
  else if (llvm::all_equal(rhs) && !llvm::all_equal(lhs))
    rhs.resize(1);
  auto type = cast<RankedTensorType>(like.getType());
  type = RankedTensorType::get(type.getShape(), type.getElementType());
  auto op =
      MatmulOp::create(builder, forward.getLoc(), TypeRange(type), lhs, rhs,
                       ValueRange(), transposeLhs, transposeRhs, reduce);
  setBackwardSite(forward, op);
  return op.getResults().front();
}

namespace {
struct MatmulModel
    : DifferentiableOpInterface::ExternalModel<MatmulModel, MatmulOp> {
  bool isDifferentiable(Operation *, unsigned) const { return true; }

  LogicalResult buildGradient(Operation *raw, OpBuilder &builder,
                              ValueRange cotangents,
                              SmallVectorImpl<Value> &operandGrads) const {
    auto op = cast<MatmulOp>(raw);
    bool transposeA = op.getTransposeLhs(), transposeB = op.getTransposeRhs();
    auto cotangentOf = [&](unsigned product) {
      return cotangents[op.getReduce() ? 0 : product];
    };

    // The products that read operand `i` of a side, with a cotangent.
    auto productsOf = [&](unsigned i, unsigned sideSize) {
      SmallVector<unsigned> products;
      for (unsigned product = 0; product < op.getNumProducts(); ++product)
        if ((sideSize == 1 || product == i) && cotangentOf(product))
          products.push_back(product);
      return products;
    };

    for (auto [i, a] : llvm::enumerate(op.getLhs())) {
      SmallVector<Value> dc, b;
      for (unsigned product : productsOf(i, op.getLhs().size())) {
        dc.push_back(cotangentOf(product));
        b.push_back(unpacked(op.getRhsOf(product)));
        if (cast<RankedTensorType>(b.back().getType()).getEncoding())
          return op.emitError("right side is packed by another entry: its "
                              "plain tensor is needed for the gradient");
      }
      if (dc.empty())
        operandGrads.push_back({});
      else if (transposeA)
        operandGrads.push_back(sumOfProducts(op, builder, a, b, dc, transposeB,
                                             /*transposeRhs=*/true));
      else
        operandGrads.push_back(sumOfProducts(op, builder, a, dc, b,
                                             /*transposeLhs=*/false,
                                             !transposeB));
    }
    for (auto [i, b] : llvm::enumerate(op.getRhs())) {
      SmallVector<Value> dc, a;
      for (unsigned product : productsOf(i, op.getRhs().size())) {
        dc.push_back(cotangentOf(product));
        a.push_back(op.getLhsOf(product));
      }
      if (dc.empty())
        operandGrads.push_back({});
      else if (transposeB)
        operandGrads.push_back(sumOfProducts(op, builder, b, dc, a,
                                             /*transposeLhs=*/true,
                                             transposeA));
      else
        operandGrads.push_back(sumOfProducts(op, builder, b, a, dc, !transposeA,
                                             /*transposeRhs=*/false));
    }
    for (unsigned i = 0; i < op.getInto().size(); ++i)
      operandGrads.push_back(cotangents[i]);
    return success();
  }
};

struct PackModel : DifferentiableOpInterface::ExternalModel<PackModel, PackOp> {
  bool isDifferentiable(Operation *, unsigned) const { return true; }

  LogicalResult buildGradient(Operation *, OpBuilder &, ValueRange cotangents,
                              SmallVectorImpl<Value> &operandGrads) const {
    operandGrads.push_back(cotangents.front());
    return success();
  }
};
} // namespace

void mixln::attachMatmulModels(MLIRContext *context) {
  MatmulOp::attachInterface<MatmulModel>(*context);
  PackOp::attachInterface<PackModel>(*context);
}
