//===- RunCharts.cpp - Curves of training, measurements of layers ---------===//

#include "Charts.h"
#include "Html.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

using namespace mixln::report;

/// Points of a curve, and columns of a heat map over time, at most.
static constexpr size_t kParts = 240, kColumns = 60;

static Points curveOf(const Run &run, double StepRecord::*value) {
  Points curve;
  for (const StepRecord &record : run.steps)
    curve.emplace_back(record.step, record.*value);
  return curve;
}

static bool hasNumbers(const Points &points) {
  return std::any_of(points.begin(), points.end(), [](const auto &point) {
    return std::isfinite(point.second);
  });
}

/// One curve a run, shortened by `shorten`; empty where no run has one.
static std::vector<Series> curves(const std::vector<Run> &runs,
                                  const Looks &looks, double StepRecord::*value,
                                  Points (*shorten)(const Points &, size_t)) {
  std::vector<Series> all;
  for (const Run &run : runs) {
    Series series = looks.of(run);
    series.points = shorten(curveOf(run, value), kParts);
    if (hasNumbers(series.points))
      all.push_back(std::move(series));
  }
  return all;
}

static std::string partsNote(const std::vector<Run> &runs, const char *what) {
  size_t longest = 0;
  for (const Run &run : runs)
    longest = std::max(longest, run.steps.size());
  if (longest <= kParts)
    return "";
  return std::string(what) + " of " + std::to_string(kParts) +
         " equal parts of the run";
}

std::vector<Figure> mixln::report::lossCurves(const std::vector<Run> &runs,
                                              const Looks &looks) {
  std::vector<Figure> figures;
  auto training = curves(runs, looks, &StepRecord::loss, partMeans);
  if (!training.empty())
    figures.push_back(lines("Training loss", {"update", false, true}, {"loss"},
                            training, partsNote(runs, "means")));
  // One chart for each set of evaluation rows.
  std::set<std::pair<std::string, std::string>> sets;
  for (const Run &run : runs)
    for (const Evaluation &one : run.evaluations)
      if (std::isfinite(one.step))
        sets.insert({one.name, one.id});
  for (auto &[name, id] : sets) {
    std::vector<Series> all;
    for (const Run &run : runs) {
      Series series = looks.of(run);
      series.markers = true;
      for (const Evaluation &one : run.evaluations)
        if (one.name == name && one.id == id && std::isfinite(one.step))
          series.points.emplace_back(one.step, one.loss);
      if (hasNumbers(series.points))
        all.push_back(std::move(series));
    }
    if (!all.empty())
      figures.push_back(
          lines("Evaluation loss" + (name == "eval" ? "" : " on " + name) +
                    (sets.size() > 1 ? " (eval_id " + id + ")" : std::string()),
                {"update", false, true}, {"loss"}, all));
  }
  return figures;
}

std::vector<Figure> mixln::report::gradientCurves(const std::vector<Run> &runs,
                                                  const Looks &looks) {
  auto all = curves(runs, looks, &StepRecord::gradNorm, partExtremes);
  if (all.empty())
    return {};
  return {lines("Gradient norm of all parameters", {"update", false, true},
                {"L2 norm", true}, all,
                partsNote(runs, "smallest and largest"))};
}

std::vector<Figure>
mixln::report::throughputCurves(const std::vector<Run> &runs,
                                const Looks &looks) {
  auto all = curves(runs, looks, &StepRecord::tokensPerSecond, partMeans);
  if (all.empty())
    return {};
  return {lines("Throughput", {"update", false, true}, {"tokens a second"}, all,
                partsNote(runs, "means"))};
}

//===----------------------------------------------------------------------===//
// Layers
//===----------------------------------------------------------------------===//

/// Losses and the like are no measurements by layer: two of them are.
static bool isByLayer(const std::vector<double> &row) { return row.size() > 1; }

/// The last measurement of a field; the analysis of the finished run first.
static std::vector<double> lastOf(const Run &run, const std::string &field,
                                  double &step) {
  step = std::numeric_limits<double>::quiet_NaN();
  if (auto found = run.analysis.fields.find(field);
      found != run.analysis.fields.end() && !found->second.empty() &&
      isByLayer(found->second.front()))
    return found->second.front();
  auto found = run.history.fields.find(field);
  if (found == run.history.fields.end())
    return {};
  for (size_t i = found->second.size(); i-- > 0;)
    if (isByLayer(found->second[i])) {
      step = run.history.steps[i];
      return found->second[i];
    }
  return {};
}

/// Positive and spread over more than a factor of three.
static bool wantsLogarithm(const std::vector<Series> &series) {
  double low = std::numeric_limits<double>::infinity(), high = 0;
  for (const Series &one : series)
    for (auto [x, y] : one.points) {
      if (!std::isfinite(y))
        continue;
      low = std::min(low, y);
      high = std::max(high, y);
    }
  return low > 0 && high > 3 * low;
}

std::optional<Figure> mixln::report::fieldByLayer(const std::vector<Run> &runs,
                                                  const Looks &looks,
                                                  const std::string &field) {
  std::vector<Series> all;
  std::set<std::string> when;
  for (const Run &run : runs) {
    double step;
    std::vector<double> row = lastOf(run, field, step);
    Series series = looks.of(run);
    series.markers = true;
    for (size_t i = 0; i < row.size(); ++i)
      series.points.emplace_back(static_cast<double>(i), row[i]);
    if (!hasNumbers(series.points))
      continue;
    when.insert(std::isfinite(step) ? "after update " + number(step, 12)
                                    : std::string("by EXE layers"));
    all.push_back(std::move(series));
  }
  if (all.empty())
    return std::nullopt;
  std::string note;
  for (const std::string &text : when)
    note += (note.empty() ? "measured " : " or ") + text;
  if (field == "stream_rms")
    note += "; place 0 is the embedding, place l + 1 the stream after layer l";
  bool logarithmic = wantsLogarithm(all);
  return lines(words(field) + " by layer", {"layer", false, true},
               {words(field), logarithmic}, all, note);
}

std::optional<Figure> mixln::report::fieldOverTime(const Run &run,
                                                   const std::string &field) {
  auto found = run.history.fields.find(field);
  if (found == run.history.fields.end() || run.history.steps.size() < 2)
    return std::nullopt;
  size_t count = std::min(run.history.steps.size(), found->second.size());
  size_t layers = 0;
  for (const auto &row : found->second)
    layers = std::max(layers, row.size());
  if (layers < 2 || count < 2)
    return std::nullopt;
  size_t columns = std::min(kColumns, count);
  std::vector<std::string> labels;
  Matrix cells(layers, std::vector<double>(
                           columns, std::numeric_limits<double>::quiet_NaN()));
  bool positive = true;
  for (size_t k = 0; k < columns; ++k) {
    // The first and the last measurement are always among them.
    size_t at = k * (count - 1) / std::max<size_t>(1, columns - 1);
    labels.push_back(number(run.history.steps[at], 12));
    const auto &row = found->second[at];
    for (size_t i = 0; i < row.size(); ++i) {
      cells[i][k] = row[i];
      positive &= !(row[i] <= 0);
    }
  }
  std::string note = columns < count
                         ? std::to_string(columns) + " of " +
                               std::to_string(count) + " measurements"
                         : "";
  return heatMap(run.name, {"update", false, true}, labels,
                 {"layer", false, true}, 0, cells, {words(field), positive},
                 note);
}

std::vector<Figure>
mixln::report::angularDistances(const std::vector<Run> &runs,
                                const Looks &looks) {
  std::vector<Figure> figures;
  std::vector<Series> next;
  for (const Run &run : runs) {
    auto found = run.analysis.matrices.find("angular_distance");
    if (found == run.analysis.matrices.end() || found->second.empty())
      continue;
    Matrix cells = found->second;
    size_t layers = 0;
    for (const auto &row : cells)
      layers = std::max(layers, row.size());
    std::vector<std::string> labels;
    for (size_t l = 0; l < layers; ++l)
      labels.push_back(std::to_string(l));
    for (auto &row : cells)
      row.resize(layers, std::numeric_limits<double>::quiet_NaN());
    figures.push_back(heatMap(run.name, {"layer l", false, true}, labels,
                              {"n", false, true}, 1, cells,
                              {"angular distance"}));
    Series series = looks.of(run);
    series.markers = true;
    for (size_t l = 0; l < layers; ++l)
      series.points.emplace_back(static_cast<double>(l), cells[0][l]);
    next.push_back(std::move(series));
  }
  shareColors(figures);
  if (!next.empty())
    figures.insert(figures.begin(),
                   lines("Angular distance of neighbouring layers (n = 1)",
                         {"layer l", false, true}, {"angular distance"}, next,
                         "small: the next layer hardly turns the stream"));
  return figures;
}
