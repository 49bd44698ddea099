//===- Measurements.cpp ---------------------------------------------------===//

#include "layers/Measurements.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <numbers>
#include <optional>
#include <string_view>

using namespace mixln::rt;

namespace {
/// Numbers of positions or rows on their way to one number.
class Reduction {
public:
  void add(std::string_view how, const std::vector<float> &values) {
    for (float value : values) {
      double x = value;
      if (how == "rms")
        x *= x;
      else if (how == "angle")
        x = 2 * std::asin(std::min(x / 2, 1.0)) / std::numbers::pi;
      sum += x;
      // The largest of numbers among which one is none is none either.
      largest = std::isnan(value) ? x : std::max(largest, x);
      smallest = std::isnan(value) ? x : std::min(smallest, x);
    }
    count += values.size();
  }

  double result(std::string_view how) const {
    double mean = sum / static_cast<double>(count);
    if (how == "max")
      return largest;
    if (how == "min")
      return smallest;
    if (how == "root_sum")
      return std::sqrt(sum);
    return how == "rms" ? std::sqrt(mean) : mean;
  }

private:
  double sum = 0;
  double largest = -std::numeric_limits<double>::infinity();
  double smallest = std::numeric_limits<double>::infinity();
  size_t count = 0;
};

/// The name of an output, taken apart.
struct Output {
  bool divides; ///< measure_over
  std::string how, name, group;
  MeasuredBy entry;
  size_t index;
};
} // namespace

/// A parameter's name without its layer: model.layers.3.mlp.up_proj.weight.
static std::optional<std::pair<size_t, std::string>>
layerOf(std::string_view parameter) {
  constexpr std::string_view kPrefix = "model.layers.";
  if (!parameter.starts_with(kPrefix))
    return std::nullopt;
  size_t layer = 0;
  const char *end = parameter.data() + parameter.size();
  auto [rest, error] =
      std::from_chars(parameter.data() + kPrefix.size(), end, layer);
  if (error != std::errc() || rest == end || *rest != '.')
    return std::nullopt;
  return std::pair(layer, std::string(rest + 1, end));
}

/// The part up to the next dot.
static std::string_view takePart(std::string_view &text) {
  size_t dot = std::min(text.find('.'), text.size());
  std::string_view part = text.substr(0, dot);
  text.remove_prefix(std::min(dot + 1, text.size()));
  return part;
}

/// measure.REDUCE.NAME.INDEX or
/// measure.REDUCE.NAME.[update.]by_GROUP.PARAMETER
static std::optional<Output> parseOutput(const Model &model,
                                         std::string_view text) {
  std::string_view first = takePart(text);
  if (first != "measure" && first != "measure_over")
    return std::nullopt;
  Output output{first == "measure_over",
                std::string(takePart(text)),
                std::string(takePart(text)),
                "",
                MeasuredBy::Step,
                0};
  std::string_view place = takePart(text);
  if (text.empty()) {
    std::from_chars(place.data(), place.data() + place.size(), output.index);
    return output;
  }
  output.entry = MeasuredBy::Parameters;
  if (place == "update") {
    output.entry = MeasuredBy::Updates;
    place = takePart(text);
  }
  auto parameter = layerOf(text);
  if (!parameter)
    return std::nullopt;
  output.index = parameter->first;
  if (place == "by_class")
    output.group = model.find(std::string(text))->parameterClass;
  else if (place == "by_parameter")
    output.group = parameter->second;
  return output;
}

Measurements mixln::rt::readMeasurements(const Model &model, MeasuredBy entry) {
  struct Line {
    std::string how;
    std::map<size_t, Reduction> above, below;
  };
  std::map<std::pair<std::string, std::string>, Line> lines;
  for (const Tensor &tensor : model.program().tensors) {
    std::optional<Output> output = parseOutput(model, tensor.name);
    if (!output || output->entry != entry)
      continue;
    Line &line = lines[{output->name, output->group}];
    line.how = output->how;
    (output->divides ? line.below : line.above)[output->index].add(
        output->how, model.read(tensor.name));
  }
  Measurements found;
  for (const auto &[key, line] : lines) {
    size_t count = line.above.rbegin()->first + 1;
    if (entry != MeasuredBy::Step)
      count = static_cast<size_t>(model.program().numLayers);
    std::vector<double> &values = found[key.first][key.second];
    values.assign(count, std::numeric_limits<double>::quiet_NaN());
    for (const auto &[index, reduction] : line.above) {
      values[index] = reduction.result(line.how);
      if (auto below = line.below.find(index); below != line.below.end())
        values[index] /= below->second.result(line.how);
    }
  }
  return found;
}

Measurements mixln::rt::measureNow(Model &model, MeasuredBy entry) {
  const char *name = entry == MeasuredBy::Parameters ? "measured.parameters"
                     : entry == MeasuredBy::Updates  ? "measured.updates"
                                                     : "gradient.measured";
  if (!model.hasEntry(name))
    return {};
  model.run(name);
  return readMeasurements(model, entry);
}

void mixln::rt::addMeasurements(const Measurements &measurements,
                                nlohmann::ordered_json &to) {
  for (const auto &[name, groups] : measurements)
    for (const auto &[group, values] : groups)
      (group.empty() ? to[name] : to[name][group]) = values;
}
