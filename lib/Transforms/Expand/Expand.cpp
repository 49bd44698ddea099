//===- Expand.cpp - Blocks with placements to operations on tensors -------===//
//
// The only pass that knows what a placement means. Before:
//
//   mixln.model @model streams ["x"] config {...} {
//     mixln.norm_kind @rms.32 params ["weight"] ...
//     mixln.block @layers.0 attention = #mixln.placement<in =
//     #mixln.norm<rms>>,
//                           mlp = #mixln.placement<in = #mixln.norm<rms>>
//   }
//
// After: variables, and the entries `loss`, `logits`, `loss.measured`, those of
// single layers (LayerEntries.cpp) and, where asked for, those of generation
// (GenerateEntries.cpp):
//
//   mixln.entry @loss {
//     %ids = mixln.load @input_ids : tensor<8xi32>
//     %e = mixln.embedding %table, %ids : ...
//     %h = mixln.rowwise [8] rows(%e : ...) shared(%g : ...) -> rows(...) {...}
//     %q = mixln.matmul lhs(%h : ...) rhs(%wq : ...) transpose_rhs -> ...
//     ...
//     mixln.store %loss, @loss_sum : tensor<1xf32>
//   }
//
//===----------------------------------------------------------------------===//

#include "Forward.h"

#include "mixln/Transforms/Passes.h"

namespace mixln {
#define GEN_PASS_DEF_MIXLNEXPAND
#include "mixln/Transforms/Passes.h.inc"
} // namespace mixln

using namespace mlir;
using namespace mixln;

namespace {
struct MixlnExpand : mixln::impl::MixlnExpandBase<MixlnExpand> {
  using MixlnExpandBase::MixlnExpandBase;

  void runOnOperation() override;

private:
  LogicalResult expand(ModelOp model);
  LogicalResult declareBatch(ModelOp model, Variables &variables);
};
} // namespace

void MixlnExpand::runOnOperation() {
  SmallVector<ModelOp> models(getOperation().getOps<ModelOp>());
  if (models.empty())
    return;
  if (models.size() > 1) {
    models[1].emitOpError("is the second one of its module, expected one");
    return signalPassFailure();
  }
  if (failed(expand(models.front())))
    signalPassFailure();
}

/// What the host fills and reads.
LogicalResult MixlnExpand::declareBatch(ModelOp model, Variables &variables) {
  Location loc = model.getLoc();
  int64_t seqLen = model.getInt("seq_len");
  int64_t rows = model.getInt("batch_size") * seqLen;
  double theta = model.getDouble("rope_theta");
  RankedTensorType angles = variables.f32({seqLen, model.getHeadDim() / 2});
  auto declare = [&](StringRef name, RankedTensorType type, Role role,
                     InitAttr init = {}) {
    return variables.declare(loc, name, type, role, init);
  };
  return failure(
      failed(declare("input_ids", variables.i32({rows}), Role::Input)) ||
      failed(declare("targets", variables.i32({rows}), Role::Input)) ||
      failed(declare("token_order", variables.i32({rows}), Role::Input)) ||
      failed(
          declare("segment_starts", variables.i32({rows + 1}), Role::Input)) ||
      failed(declare("loss_scale", variables.f32({1}), Role::Scalar)) ||
      failed(declare("z_loss_scale", variables.f32({1}), Role::Scalar)) ||
      failed(declare("rope_cos", angles, Role::Constant,
                     variables.init(InitKind::RopeCos, theta))) ||
      failed(declare("rope_sin", angles, Role::Constant,
                     variables.init(InitKind::RopeSin, theta))) ||
      failed(declare("loss_sum", variables.f32({1}), Role::Output)) ||
      failed(declare("z_loss_sum", variables.f32({1}), Role::Output)) ||
      failed(declare("output_logits",
                     variables.f32({rows, model.getInt("vocab_size")}),
                     Role::Output)) ||
      failed(declare("stream_rms",
                     variables.f32({model.getInt("num_hidden_layers") + 1}),
                     Role::Output)));
}

LogicalResult MixlnExpand::expand(ModelOp model) {
  Variables variables(model);
  if (failed(declareBatch(model, variables)))
    return failure();

  // Variables stand before the model, entries behind it.
  OpBuilder builder(model.getContext());
  builder.setInsertionPointAfter(model);
  auto entry = [&](StringRef name) -> Block * {
    auto op = EntryOp::create(builder, model.getLoc(), name);
    return &op.getBody().emplaceBlock();
  };
  for (StringRef name : {"loss", "logits", "loss.measured"}) {
    Forward forward(model, variables, entry(name));
    if (name == "loss.measured")
      forward.beginMeasuring();
    Value logits = forward.logits();
    if (!logits)
      return failure();
    if (name == "logits") {
      forward.store(logits, "output_logits");
      continue;
    }
    Forward::Losses losses = forward.loss(logits);
    forward.store(losses.sum, "loss_sum");
    forward.store(losses.zSum, "z_loss_sum");
    if (name != "loss.measured")
      continue;
    forward.store(forward.streamRms(), "stream_rms");
    if (failed(forward.measure()))
      return failure();
  }

  if (failed(Forward(model, variables, nullptr).declareStreams()) ||
      failed(Forward(model, variables, entry("layers.begin")).beginAlone()))
    return failure();
  int64_t index = 0;
  for (BlockOp op : model.getBody().getOps<BlockOp>()) {
    std::string name = "layers." + std::to_string(index);
    if (failed(Forward(model, variables, entry(name)).layerAlone(op, index++)))
      return failure();
  }
  Forward end(model, variables, entry("layers.end"));
  Value logits = end.headAlone();
  if (!logits)
    return failure();
  end.store(end.loss(logits).sum, "loss_sum");

  if (generation) {
    using Generation = Forward::Generation;
    if (failed(Forward(model, variables, nullptr).declareGeneration()) ||
        failed(Forward(model, variables, entry("prefill"), Generation::Prefill)
                   .prefill()))
      return failure();
    Forward decode(model, variables, entry("decode"), Generation::Decode);
    Value next = decode.logits();
    if (!next)
      return failure();
    decode.store(next, "decode_logits");
  }

  ModuleOp module = getOperation();
  module->setAttr("mixln.config", model.getConfig());
  for (MeasureOp op :
       llvm::make_early_inc_range(model.getBody().getOps<MeasureOp>()))
    if (isMeasuredLater(op))
      op->moveBefore(model);
  model.erase();
  return success();
}
