//===- Measurements.cpp ---------------------------------------------------===//

#include "layers/Measurements.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>

using namespace mixln::rt;

static double reduce(const std::string &how, const std::vector<float> &values) {
  double sum = 0;
  // The largest of numbers among which one is not a number is not one either.
  double largest = values.front(), smallest = values.front();
  for (float value : values) {
    sum += how == "rms" ? static_cast<double>(value) * value : value;
    largest = std::isnan(value) ? value : std::max<double>(largest, value);
    smallest = std::isnan(value) ? value : std::min<double>(smallest, value);
  }
  if (how == "max")
    return largest;
  if (how == "min")
    return smallest;
  double mean = sum / static_cast<double>(values.size());
  return how == "rms" ? std::sqrt(mean) : mean;
}

Measurements mixln::rt::readMeasurements(const Model &model) {
  constexpr std::string_view kPrefix = "measure.";
  Measurements found;
  for (const Tensor &tensor : model.program().tensors) {
    if (!tensor.name.starts_with(kPrefix))
      continue;
    size_t how = tensor.name.find('.', kPrefix.size());
    size_t place = tensor.name.rfind('.');
    if (how == std::string::npos || place <= how)
      continue;
    std::string name = tensor.name.substr(how + 1, place - how - 1);
    size_t index = 0;
    std::from_chars(tensor.name.data() + place + 1,
                    tensor.name.data() + tensor.name.size(), index);
    std::vector<double> &line = found[name];
    line.resize(std::max(line.size(), index + 1));
    line[index] =
        reduce(tensor.name.substr(kPrefix.size(), how - kPrefix.size()),
               model.read(tensor.name));
  }
  return found;
}

/// The layer in a name model.layers.3.mlp_gate, or -1.
static int64_t layerOf(const std::string &name) {
  constexpr std::string_view kPrefix = "model.layers.";
  if (!name.starts_with(kPrefix))
    return -1;
  int64_t layer = -1;
  std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(),
                  layer);
  return layer;
}

/// Norms of `prefix` + the name of each parameter of a layer, by key.
static Measurements normsBy(const Model &model, const std::string &prefix,
                            bool byClass) {
  Measurements norms;
  for (const Tensor &tensor : model.program().tensors) {
    int64_t layer = layerOf(tensor.name);
    if (tensor.role != Role::Parameter || layer < 0)
      continue;
    std::vector<double> &line = norms[byClass ? tensor.parameterClass : ""];
    line.resize(static_cast<size_t>(model.program().numLayers));
    double sum = 0;
    for (float value : model.read(prefix + tensor.name))
      sum += static_cast<double>(value) * value;
    line.at(static_cast<size_t>(layer)) += sum;
  }
  for (auto &[name, line] : norms)
    for (double &value : line)
      value = std::sqrt(value);
  return norms;
}

std::vector<double> mixln::rt::weightNorms(const Model &model) {
  return normsBy(model, "", /*byClass=*/false)[""];
}

Measurements mixln::rt::gradientNormsByClass(const Model &model) {
  return normsBy(model, "grad.", /*byClass=*/true);
}
