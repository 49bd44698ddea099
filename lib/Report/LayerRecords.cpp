//===- LayerRecords.cpp ---------------------------------------------------===//

#include "LayerRecords.h"

#include <limits>

using namespace mixln::report;
using nlohmann::ordered_json;

static constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

static double numberOf(const ordered_json &value) {
  return value.is_number() ? value.get<double>() : kNaN;
}

/// Numbers and gaps, at least one number.
static bool isNumbers(const ordered_json &value) {
  if (!value.is_array())
    return false;
  bool any = false;
  for (const ordered_json &entry : value) {
    if (!entry.is_number() && !entry.is_null())
      return false;
    any |= entry.is_number();
  }
  return any;
}

static bool isListOf(const ordered_json &value,
                     bool (*isElement)(const ordered_json &)) {
  if (!value.is_array() || value.empty())
    return false;
  for (const ordered_json &entry : value)
    if (!isElement(entry))
      return false;
  return true;
}

static std::vector<double> numbersOf(const ordered_json &value) {
  std::vector<double> numbers;
  for (const ordered_json &entry : value)
    numbers.push_back(numberOf(entry));
  return numbers;
}

namespace {
class RecordReader {
public:
  explicit RecordReader(LayerMeasurements &into) : into(into) {}

  /// `layer`: the layer that the values belong to, or -1 for all.
  void read(const std::string &name, const ordered_json &value, int layer,
            int layers) {
    if (value.is_object()) {
      for (auto &[key, entry] : value.items())
        // What a record is about is no measurement.
        if (key != "step" && key != "layer" && key != "index")
          read(name.empty() ? key : name + "." + key, entry, layer, layers);
    } else if (layer >= 0) {
      if (value.is_number())
        set(name, numberOf(value), layer, layers);
    } else if (isNumbers(value)) {
      rows[name] = numbersOf(value);
    } else if (isListOf(value, isNumbers)) {
      Matrix &matrix = into.matrices[name];
      matrix.clear();
      for (const ordered_json &row : value)
        matrix.push_back(numbersOf(row));
    } else if (isListOf(value, [](const ordered_json &entry) {
                 return entry.is_object();
               })) {
      readList(name, value);
    }
  }

  std::map<std::string, std::vector<double>> rows;

private:
  void readList(const std::string &name, const ordered_json &list) {
    int layers = static_cast<int>(list.size());
    for (int i = 0; i < layers; ++i) {
      int layer = list[i].value("layer", ordered_json()).is_number_integer()
                      ? list[i]["layer"].get<int>()
                      : i;
      if (layer >= 0 && layer < layers)
        read(name == "layers" || name == "records" ? "" : name, list[i], layer,
             layers);
    }
  }

  void set(const std::string &name, double number, int layer, int layers) {
    auto &row = rows[name];
    row.resize(static_cast<size_t>(layers), kNaN);
    row[static_cast<size_t>(layer)] = number;
  }

  LayerMeasurements &into;
};
} // namespace

void mixln::report::addLayerRecord(const ordered_json &record, size_t row,
                                   LayerMeasurements &measurements) {
  RecordReader reader(measurements);
  reader.read("", record, -1, 0);
  // A name that is missing in between, or appears later, has gaps.
  for (auto &[name, values] : reader.rows) {
    Matrix &matrix = measurements.fields[name];
    matrix.resize(row);
    matrix.push_back(std::move(values));
  }
}

void mixln::report::splitSubLayers(LayerMeasurements &measurements,
                                   size_t layers) {
  // Of one layer, two values are also the streams around it.
  if (layers < 2)
    return;
  std::map<std::string, Matrix> split;
  for (auto &[name, rows] : measurements.fields) {
    bool isSplit = !rows.empty();
    for (const auto &row : rows)
      isSplit &= row.empty() || row.size() == 2 * layers;
    if (!isSplit) {
      split[name] = std::move(rows);
      continue;
    }
    Matrix &attention = split[name + ".attention"], &mlp = split[name + ".mlp"];
    for (const auto &row : rows) {
      attention.emplace_back();
      mlp.emplace_back();
      for (size_t i = 0; i < row.size(); ++i)
        (i % 2 == 0 ? attention : mlp).back().push_back(row[i]);
    }
  }
  measurements.fields = std::move(split);
}
