//===- RowwiseModel.cpp - Backward of row programs ------------------------===//
//
// The backward of
//
//   %y = mixln.rowwise [R] rows(%x) shared(%g) -> rows(%y's type) {
//   ^bb0(%a, %w): ... mixln.yield rows(%b) }
//
// is its body again, then the adjoints, on its operands and the cotangent:
//
//   %dx, %dg = mixln.rowwise [R] rows(%x, %dy) shared(%g)
//       -> rows(%x's type) sums(%g's type) {
//   ^bb0(%a, %d, %w): ... mixln.yield rows(%da) sums(%dw) }
//
//===----------------------------------------------------------------------===//

#include "mixln/IR/Mixln.h"
#include "mixln/IR/Sites.h"
#include "mixln/Interfaces/Differentiable.h"
#include "mixln/Transforms/Differentiate/DifferentiableModels.h"
#include "mixln/Transforms/Differentiate/RowDerivatives.h"
#include "mixln/Transforms/Differentiate/RowwiseBuilder.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace mixln;

/// Whether it is a sum: the map keeps heads or nothing, in full.
static bool isSummable(RowwiseOp op, unsigned i) {
  auto type = cast<RankedTensorType>(op.getRows()[i].getType());
  for (auto [result, extent] :
       llvm::zip(op.getRowMap(i).getResults(), type.getShape())) {
    auto dim = dyn_cast<AffineDimExpr>(result);
    if (!dim || dim.getPosition() == 0 ||
        op.getDomain()[dim.getPosition()] != extent)
      return false;
  }
  return true;
}

/// An identity map must also cover the operand: rows beyond the domain would
/// need zeros.
static bool coversOperand(RowwiseOp op, unsigned i) {
  auto type = cast<RankedTensorType>(op.getRows()[i].getType());
  return type.getShape().take_front(op.getDomain().size()) == op.getDomain();
}

namespace {
struct RowwiseModel
    : DifferentiableOpInterface::ExternalModel<RowwiseModel, RowwiseOp> {
  bool isDifferentiable(Operation *raw, unsigned index) const {
    auto op = cast<RowwiseOp>(raw);
    auto type = cast<RankedTensorType>(raw->getOperand(index).getType());
    if (!isa<FloatType>(type.getElementType()))
      return false;
    if (index >= op.getRows().size())
      return true;
    if (op.getRowMap(index).isIdentity())
      return coversOperand(op, index);
    return isSummable(op, index);
  }

  LogicalResult buildGradient(Operation *raw, OpBuilder &builder,
                              ValueRange cotangents,
                              SmallVectorImpl<Value> &operandGrads) const {
    auto op = cast<RowwiseOp>(raw);
    unsigned numRows = op.getRows().size();
    unsigned numBody = numRows + op.getShared().size();
    RowwiseBuilder program(builder, op.getLoc(), op.getDomain());
    if (StringRef site = getSite(op); !site.empty())
      program.setSite((site + ".backward").str(), getLayer(op));

    // The forward's operands and body.
    IRMapping mapping;
    for (unsigned i = 0; i < numRows; ++i)
      mapping.map(op.getRowArgument(i),
                  program.row(op.getRows()[i], op.getRowMap(i)));
    for (unsigned i = 0; i < op.getShared().size(); ++i)
      mapping.map(op.getSharedArgument(i), program.shared(op.getShared()[i]));
    for (unsigned i = 0; i < op.getValues().size(); ++i)
      mapping.map(op.getValueArgument(i), program.value(op.getValues()[i]));
    SmallVector<Operation *> body;
    for (Operation &inner : op.getBodyBlock()->without_terminator())
      body.push_back(program.body.clone(inner, mapping));

    // The cotangents: of rows as rows; of a sum, the same for every point that
    // it adds up.
    SmallVector<RowSeed> seeds;
    YieldOp yield = op.getYield();
    for (auto [value, cotangent] : llvm::zip_equal(
             yield.getRows(), cotangents.take_front(yield.getRows().size())))
      if (cotangent)
        seeds.emplace_back(mapping.lookup(value), program.row(cotangent));
    ValueRange ofSums = cotangents.drop_front(yield.getRows().size());
    for (auto [i, value] : llvm::enumerate(yield.getSums())) {
      if (!ofSums[i])
        continue;
      AffineMap map = op.getSumMap(i);
      seeds.emplace_back(mapping.lookup(value),
                         map.getNumResults() == 0
                             ? program.shared(ofSums[i])
                             : program.row(ofSums[i], map));
    }

    SmallVector<unsigned> operands;
    SmallVector<Value> wanted, adjoints;
    for (unsigned i = 0; i < numBody; ++i)
      if (isDifferentiable(raw, i)) {
        operands.push_back(i);
        wanted.push_back(mapping.lookup(op.getBodyBlock()->getArgument(i)));
      }
    if (failed(differentiateRow(program.body, body, seeds, wanted,
                                yield.getLoc(), adjoints)))
      return failure();

    // Rows first, then sums, as the results stand: the gradient of an operand
    // that every point reads at its own place is a row.
    SmallVector<unsigned> yielded;
    for (auto [i, adjoint] : llvm::zip_equal(operands, adjoints))
      if (adjoint && i < numRows && op.getRowMap(i).isIdentity()) {
        program.yieldRow(adjoint,
                         cast<RankedTensorType>(raw->getOperand(i).getType()));
        yielded.push_back(i);
      }
    for (auto [i, adjoint] : llvm::zip_equal(operands, adjoints))
      if (adjoint && !(i < numRows && op.getRowMap(i).isIdentity())) {
        program.yieldSum(adjoint, i < numRows ? op.getRowMap(i) : AffineMap());
        yielded.push_back(i);
      }
    unsigned first = operandGrads.size();
    operandGrads.append(raw->getNumOperands(), Value());
    for (auto [i, grad] : llvm::zip_equal(yielded, program.finish())) {
      auto type = cast<RankedTensorType>(raw->getOperand(i).getType());
      if (type.getRank() == 0)
        grad = tensor::CollapseShapeOp::create(
            builder, op.getLoc(), grad, ArrayRef<ReassociationIndices>());
      operandGrads[first + i] = grad;
    }
    // What a sum starts from is added to it.
    for (auto [i, sum] : llvm::enumerate(op.getIntoSums()))
      operandGrads[first + numBody + i] = ofSums[sum];
    return success();
  }
};
} // namespace

void mixln::attachRowwiseModel(MLIRContext *context) {
  RowwiseOp::attachInterface<RowwiseModel>(*context);
}
