//===- NotFinite.cpp ------------------------------------------------------===//

#include "train/NotFinite.h"
#include "support/Errors.h"

#include <algorithm>
#include <cmath>

using namespace mixln::rt;

static bool finite(const std::vector<float> &values) {
  return std::all_of(values.begin(), values.end(),
                     [](float value) { return std::isfinite(value); });
}

static std::string firstTensor(const Model &model, Role role) {
  for (const Tensor &tensor : model.program().tensors)
    if (tensor.role == role && tensor.type != ElementType::I32 &&
        !finite(model.read(tensor.name)))
      return tensor.name;
  return "";
}

/// The residual stream, measured while the batch runs again.
static std::string firstStream(Model &model, const UpdateBatch &batch) {
  if (!model.hasEntry("gradient.measured") || !model.find("stream_rms"))
    return "";
  for (size_t i = 0; i < batch.micro.size(); ++i) {
    model.writeInputs(batch.micro[i]);
    model.run("gradient.measured");
    std::vector<float> rms = model.read("stream_rms");
    for (size_t layer = 0; layer < rms.size(); ++layer)
      if (!std::isfinite(rms[layer]))
        return cat(layer == 0 ? std::string("the embedding")
                              : cat("layers.", layer - 1, ".stream"),
                   " of micro-batch ", i + 1);
  }
  return "";
}

std::string mixln::rt::firstNotFinite(Model &model, const UpdateBatch &batch) {
  std::string parameter = firstTensor(model, Role::Parameter);
  if (!parameter.empty())
    return "parameter " + parameter;
  // Before the measured entry writes the gradients anew.
  std::string gradient = firstTensor(model, Role::Gradient);
  std::string stream = firstStream(model, batch);
  return !stream.empty() ? stream : gradient;
}
