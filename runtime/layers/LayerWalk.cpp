//===- LayerWalk.cpp ------------------------------------------------------===//

#include "layers/LayerWalk.h"

#include "support/Errors.h"

using namespace mixln::rt;

LayerWalk::LayerWalk(Model &model) : model(model) {
  for (const Tensor &tensor : model.program().tensors)
    if (tensor.name.starts_with("layer_stream."))
      names.push_back(tensor.name);
  if (names.empty() || !model.hasEntry("layers.begin"))
    runFailed("this executable has no entries of single layers; compile the "
              "model again");
}

void LayerWalk::begin(const MicroBatch &batch) {
  model.writeInputs(batch);
  model.run("layers.begin");
}

void LayerWalk::layer(int64_t index) {
  model.run("layers." + std::to_string(index));
}

double LayerWalk::end() {
  model.run("layers.end");
  return model.read("loss_sum")[0];
}

LayerWalk::State LayerWalk::save() const {
  State state;
  for (const std::string &name : names)
    state.push_back(model.read(name));
  return state;
}

void LayerWalk::restore(const State &state) {
  for (size_t i = 0; i < names.size(); ++i)
    model.write(names[i], state[i]);
}
