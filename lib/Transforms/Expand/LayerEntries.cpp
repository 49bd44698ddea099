//===- LayerEntries.cpp - One entry a layer -------------------------------===//
//
// The forward in pieces that the host may leave out, repeat or look between:
//
//   mixln.entry @layers.begin { ids -> @layer_stream.x, @layer_embedding }
//   mixln.entry @layers.0     { @layer_stream.x -> @layer_stream.x }
//   ...
//   mixln.entry @layers.end   { @layer_stream.x, targets -> @loss_sum }
//
// Removing a layer is not running its entry; the streams between two layers
// are read from their variables. The kernels are those of the whole forward,
// except that nothing is joined across the border of two layers.
//
//===----------------------------------------------------------------------===//

#include "Forward.h"

using namespace mlir;
using namespace mixln;

static constexpr StringLiteral kEmbedding = "layer_embedding";

std::string Forward::streamVariable(unsigned stream) {
  return "layer_stream." +
         cast<StringAttr>(model.getStreams()[stream]).getValue().str();
}

LogicalResult Forward::declareStreams() {
  for (unsigned i = 0; i < model.getStreams().size(); ++i)
    if (failed(variables.declare(model.getLoc(), streamVariable(i),
                                 variables.f32({rows, hidden}), Role::Output)))
      return failure();
  return variables.declare(model.getLoc(), kEmbedding,
                           variables.f32({rows, hidden}), Role::Output);
}

Value Forward::getEmbedding() {
  if (!embedding)
    embedding = load(kEmbedding);
  return embedding;
}

void Forward::loadStreams() {
  for (unsigned i = 0; i < model.getStreams().size(); ++i)
    streams.push_back(load(streamVariable(i)));
}

/// What several variables then hold, the plan copies.
void Forward::storeStreams() {
  for (auto [i, stream] : llvm::enumerate(streams)) {
    std::string variable = streamVariable(i);
    auto loaded = stream.getDefiningOp<LoadOp>();
    if (!loaded || loaded.getVariable() != variable)
      store(stream, variable);
  }
}

LogicalResult Forward::beginAlone() {
  if (failed(begin()))
    return failure();
  store(embedding, kEmbedding);
  storeStreams();
  return success();
}

LogicalResult Forward::layerAlone(BlockOp op, int64_t index) {
  loadStreams();
  if (failed(block(op, index)))
    return failure();
  storeStreams();
  return success();
}

Value Forward::headAlone() {
  loadStreams();
  return head();
}
