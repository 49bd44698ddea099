//===- ShapeModels.cpp - Backward of reshapes, slices, concatenations -----===//

#include "mixln/IR/Mixln.h"
#include "mixln/Interfaces/Differentiable.h"
#include "mixln/Transforms/Differentiate/DifferentiableModels.h"
#include "mixln/Transforms/Differentiate/TensorHelpers.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mixln;

/// Rows [offset, offset + count) of `tensor`.
static Value sliceRows(OpBuilder &builder, Location loc, Value tensor,
                       int64_t offset, int64_t count) {
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<OpFoldResult> offsets(type.getRank(), builder.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(type.getRank(), builder.getIndexAttr(1));
  SmallVector<OpFoldResult> sizes;
  for (int64_t extent : type.getShape())
    sizes.push_back(builder.getIndexAttr(extent));
  offsets[0] = builder.getIndexAttr(offset);
  sizes[0] = builder.getIndexAttr(count);
  return tensor::ExtractSliceOp::create(builder, loc, tensor, offsets, sizes,
                                        strides);
}

namespace {
struct ExpandModel
    : DifferentiableOpInterface::ExternalModel<ExpandModel,
                                               tensor::ExpandShapeOp> {
  bool isDifferentiable(Operation *, unsigned index) const {
    return index == 0;
  }

  LogicalResult buildGradient(Operation *raw, OpBuilder &builder,
                              ValueRange cotangents,
                              SmallVectorImpl<Value> &operandGrads) const {
    auto op = cast<tensor::ExpandShapeOp>(raw);
    operandGrads.push_back(tensor::CollapseShapeOp::create(
        builder, op.getLoc(), op.getSrc().getType(), cotangents.front(),
        op.getReassociationIndices()));
    operandGrads.append(raw->getNumOperands() - 1, Value());
    return success();
  }
};

struct CollapseModel
    : DifferentiableOpInterface::ExternalModel<CollapseModel,
                                               tensor::CollapseShapeOp> {
  bool isDifferentiable(Operation *, unsigned) const { return true; }

  LogicalResult buildGradient(Operation *raw, OpBuilder &builder,
                              ValueRange cotangents,
                              SmallVectorImpl<Value> &operandGrads) const {
    auto op = cast<tensor::CollapseShapeOp>(raw);
    operandGrads.push_back(tensor::ExpandShapeOp::create(
        builder, op.getLoc(), op.getSrc().getType(), cotangents.front(),
        op.getReassociationIndices()));
    return success();
  }
};

struct ConcatModel
    : DifferentiableOpInterface::ExternalModel<ConcatModel, tensor::ConcatOp> {
  bool isDifferentiable(Operation *raw, unsigned) const {
    return cast<tensor::ConcatOp>(raw).getDim() == 0;
  }

  LogicalResult buildGradient(Operation *raw, OpBuilder &builder,
                              ValueRange cotangents,
                              SmallVectorImpl<Value> &operandGrads) const {
    int64_t offset = 0;
    for (Value part : raw->getOperands()) {
      int64_t rows = cast<RankedTensorType>(part.getType()).getDimSize(0);
      operandGrads.push_back(
          sliceRows(builder, raw->getLoc(), cotangents.front(), offset, rows));
      offset += rows;
    }
    return success();
  }
};

struct SliceModel
    : DifferentiableOpInterface::ExternalModel<SliceModel,
                                               tensor::ExtractSliceOp> {
  /// Whole rows only: the gradient is then a concatenation with zeros.
  bool isDifferentiable(Operation *raw, unsigned index) const {
    auto op = cast<tensor::ExtractSliceOp>(raw);
    RankedTensorType source = op.getSourceType(), type = op.getType();
    return index == 0 && source.getRank() == type.getRank() &&
           op.hasUnitStride() && raw->getNumOperands() == 1 &&
           source.getShape().drop_front() == type.getShape().drop_front();
  }

  LogicalResult buildGradient(Operation *raw, OpBuilder &builder,
                              ValueRange cotangents,
                              SmallVectorImpl<Value> &operandGrads) const {
    auto op = cast<tensor::ExtractSliceOp>(raw);
    if (!isDifferentiable(raw, 0)) {
      operandGrads.append(raw->getNumOperands(), Value());
      return success();
    }
    SmallVector<int64_t> shape(op.getSourceType().getShape());
    int64_t before = op.getStaticOffset(0);
    int64_t after = shape[0] - before - op.getType().getDimSize(0);
    auto zeroRows = [&](int64_t rows) {
      shape[0] = rows;
      return buildZeros(
          builder, op.getLoc(),
          RankedTensorType::get(shape, op.getSourceType().getElementType()));
    };
    SmallVector<Value> parts;
    if (before > 0)
      parts.push_back(zeroRows(before));
    parts.push_back(cotangents.front());
    if (after > 0)
      parts.push_back(zeroRows(after));
    operandGrads.push_back(
        parts.size() == 1
            ? parts.front()
            : tensor::ConcatOp::create(builder, op.getLoc(), /*dim=*/0, parts)
                  .getResult());
    return success();
  }
};
} // namespace

void mixln::attachShapeModels(MLIRContext *context) {
  tensor::ExpandShapeOp::attachInterface<ExpandModel>(*context);
  tensor::CollapseShapeOp::attachInterface<CollapseModel>(*context);
  tensor::ConcatOp::attachInterface<ConcatModel>(*context);
  tensor::ExtractSliceOp::attachInterface<SliceModel>(*context);
}
