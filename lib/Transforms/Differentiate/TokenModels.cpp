//===- TokenModels.cpp - Backward of embedding and attention --------------===//

#include "mixln/IR/Mixln.h"
#include "mixln/Interfaces/Differentiable.h"
#include "mixln/Transforms/Differentiate/DifferentiableModels.h"

using namespace mlir;
using namespace mixln;

/// Loads an input of the batch that only the backward reads.
static Value loadInput(Operation *user, OpBuilder &builder, StringRef name) {
  auto module = user->getParentOfType<ModuleOp>();
  auto variable = module.lookupSymbol<VariableOp>(name);
  if (!variable) {
    user->emitError() << "the gradient of '" << user->getName()
                      << "' needs the variable @" << name
                      << ", which the module lacks";
    return {};
  }
  return LoadOp::create(builder, user->getLoc(), variable.getType(), name);
}

namespace {
struct EmbeddingModel
    : DifferentiableOpInterface::ExternalModel<EmbeddingModel, EmbeddingOp> {
  bool isDifferentiable(Operation *, unsigned index) const {
    return index == 0;
  }

  LogicalResult buildGradient(Operation *raw, OpBuilder &builder,
                              ValueRange cotangents,
                              SmallVectorImpl<Value> &operandGrads) const {
    auto op = cast<EmbeddingOp>(raw);
    Value order = loadInput(op, builder, "token_order");
    if (!order)
      return failure();
    Value starts = loadInput(op, builder, "segment_starts");
    if (!starts)
      return failure();
    auto table = cast<RankedTensorType>(op.getTable().getType());
    auto type = RankedTensorType::get(table.getShape(), builder.getF32Type());
    auto grad =
        EmbeddingGradOp::create(builder, op.getLoc(), type, cotangents.front(),
                                op.getIds(), order, starts, /*into=*/Value());
    setBackwardSite(op, grad);
    operandGrads.append({grad.getResult(), Value()});
    return success();
  }
};

struct AttentionModel
    : DifferentiableOpInterface::ExternalModel<AttentionModel, AttentionOp> {
  bool isDifferentiable(Operation *, unsigned index) const { return index < 3; }

  LogicalResult buildGradient(Operation *raw, OpBuilder &builder,
                              ValueRange cotangents,
                              SmallVectorImpl<Value> &operandGrads) const {
    auto op = cast<AttentionOp>(raw);
    if (llvm::any_of(cotangents.drop_front(), [](Value v) { return !!v; }))
      return op.emitError("the sums of attention scores (lse) and what is "
                          "measured of the scores have no derivative, but the "
                          "loss depends on them");
    if (!cotangents[0]) {
      operandGrads.append(5, Value());
      return success();
    }
    auto grad = AttentionGradOp::create(
        builder, op.getLoc(), op.getQ().getType(), op.getK().getType(),
        op.getV().getType(), op.getQ(), op.getK(), op.getV(), op.getCos(),
        op.getSin(), op.getCtx(), op.getLse(), cotangents[0], op.getHeadsAttr(),
        op.getScaleAttr());
    setBackwardSite(op, grad);
    operandGrads.append(
        {grad.getDq(), grad.getDk(), grad.getDv(), Value(), Value()});
    return success();
  }
};
} // namespace

void mixln::attachTokenModels(MLIRContext *context) {
  EmbeddingOp::attachInterface<EmbeddingModel>(*context);
  AttentionOp::attachInterface<AttentionModel>(*context);
}
