//===- Charts.cpp - Charts as data ----------------------------------------===//

#include "Charts.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace mixln::report;
using nlohmann::ordered_json;

static ordered_json axisJson(const Axis &axis) {
  return {
      {"label", axis.label}, {"log", axis.logarithmic}, {"whole", axis.whole}};
}

Figure mixln::report::lines(const std::string &title, const Axis &x,
                            const Axis &y, const std::vector<Series> &series,
                            const std::string &note) {
  ordered_json all = ordered_json::array();
  for (const Series &one : series) {
    ordered_json points = ordered_json::array();
    for (auto [px, py] : one.points)
      points.push_back({px, py});
    all.push_back({{"name", one.name},
                   {"color", one.color},
                   {"dash", one.dash},
                   {"markers", one.markers},
                   {"line", one.line},
                   {"points", std::move(points)}});
  }
  return {title,
          note,
          {{"kind", "lines"},
           {"x", axisJson(x)},
           {"y", axisJson(y)},
           {"series", std::move(all)}}};
}

Figure mixln::report::heatMap(const std::string &title, const Axis &x,
                              const std::vector<std::string> &columns,
                              const Axis &y, double firstRow,
                              const Matrix &cells, const Axis &value,
                              const std::string &note) {
  return {title,
          note,
          {{"kind", "heat"},
           {"x", axisJson(x)},
           {"columns", columns},
           {"y", axisJson(y)},
           {"first", firstRow},
           {"value", axisJson(value)},
           {"cells", cells}}};
}

void mixln::report::shareColors(std::vector<Figure> &figures) {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  bool logarithmic = true;
  for (const Figure &figure : figures) {
    if (figure.chart["kind"] != "heat")
      continue;
    logarithmic &= figure.chart["value"]["log"].get<bool>();
    for (const ordered_json &row : figure.chart["cells"])
      for (const ordered_json &cell : row) {
        double value = cell.get<double>();
        if (!std::isfinite(value))
          continue;
        low = std::min(low, value);
        high = std::max(high, value);
      }
  }
  for (Figure &figure : figures) {
    if (figure.chart["kind"] != "heat" || !(low <= high))
      continue;
    // A color is one value in all of them, so one zero makes all linear.
    figure.chart["value"]["log"] = logarithmic;
    figure.chart["range"] = {low, high};
  }
}

Figure mixln::report::intervals(const std::string &title, const Axis &x,
                                const std::vector<Interval> &items,
                                const std::string &note) {
  ordered_json all = ordered_json::array();
  for (const Interval &item : items)
    all.push_back({{"name", item.name},
                   {"mean", item.mean},
                   {"low", item.low},
                   {"high", item.high}});
  return {
      title, note, {{"kind", "intervals"}, {"x", axisJson(x)}, {"items", all}}};
}

//===----------------------------------------------------------------------===//
// Looks
//===----------------------------------------------------------------------===//

template <typename T>
static size_t indexIn(const std::vector<T> &all, const T &one) {
  return static_cast<size_t>(std::find(all.begin(), all.end(), one) -
                             all.begin());
}

Looks::Looks(const std::vector<Run> &runs) {
  for (const Run &run : runs) {
    // Runs without a placement are told apart by themselves.
    std::string placement = run.placement.empty() ? run.name : run.placement;
    if (indexIn(placements, placement) == placements.size())
      placements.push_back(placement);
    if (indexIn(rates, run.flag("lr")) == rates.size())
      rates.push_back(run.flag("lr"));
  }
}

size_t Looks::colorOf(const std::string &placement) const {
  return indexIn(placements, placement);
}

Series Looks::of(const Run &run) const {
  Series series;
  series.name = run.name;
  series.color = colorOf(run.placement.empty() ? run.name : run.placement);
  series.dash = indexIn(rates, run.flag("lr"));
  return series;
}

std::string mixln::report::words(std::string name) {
  std::replace(name.begin(), name.end(), '_', ' ');
  if (size_t dot = name.find('.'); dot != std::string::npos)
    name.replace(dot, 1, ": ");
  return name;
}
