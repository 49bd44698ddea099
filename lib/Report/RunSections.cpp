//===- RunSections.cpp - Curves, layers, memory, configurations -----------===//

#include "Html.h"
#include "Sections.h"

#include "llvm/Support/Base64.h"

#include <algorithm>
#include <cmath>
#include <set>

using namespace mixln::report;

void mixln::report::addCurves(PageBuilder &page, const std::vector<Run> &runs,
                              const Looks &looks) {
  std::vector<Figure> all = lossCurves(runs, looks);
  for (auto &&more :
       {gradientCurves(runs, looks), throughputCurves(runs, looks)})
    all.insert(all.end(), more.begin(), more.end());
  if (all.empty())
    return;
  page.section("Over time", "curves");
  page.figures(all);
}

//===----------------------------------------------------------------------===//
// Layers
//===----------------------------------------------------------------------===//

/// Everything measured by layer: what the studies of norms look at first, then
/// the rest by name.
static std::vector<std::string> fieldNames(const std::vector<Run> &runs) {
  std::vector<std::string> names = {"gradient_norm", "stream_rms",
                                    "performance_drop"};
  std::set<std::string> others;
  for (const Run &run : runs)
    for (const LayerMeasurements *one : {&run.analysis, &run.history})
      for (auto &[name, rows] : one->fields)
        others.insert(name);
  for (const std::string &name : others)
    if (std::find(names.begin(), names.end(), name) == names.end())
      names.push_back(name);
  return names;
}

static std::vector<Figure> overTime(const std::vector<Run> &runs,
                                    const std::string &field) {
  std::vector<Figure> figures;
  for (const Run &run : runs)
    if (auto figure = fieldOverTime(run, field))
      figures.push_back(std::move(*figure));
  shareColors(figures);
  return figures;
}

void mixln::report::addLayers(PageBuilder &page, const std::vector<Run> &runs,
                              const Looks &looks) {
  std::vector<std::string> names = fieldNames(runs);
  std::vector<Figure> first, others;
  for (const std::string &name : names)
    if (auto figure = fieldByLayer(runs, looks, name)) {
      bool foremost = name == "gradient_norm" || name == "stream_rms" ||
                      name == "performance_drop";
      (foremost ? first : others).push_back(std::move(*figure));
    }
  std::vector<Figure> angles = angularDistances(runs, looks);
  if (first.empty() && others.empty() && angles.empty())
    return;
  page.section("Layers", "layers");
  if (!first.empty())
    page.figures(first);
  for (const char *name : {"gradient_norm", "stream_rms"}) {
    std::vector<Figure> figures = overTime(runs, name);
    if (figures.empty())
      continue;
    page.heading(words(name) + " by layer over time");
    page.figures(figures);
  }
  if (!angles.empty()) {
    page.heading("Angular distance of layers l and l + n");
    page.figures(angles);
  }
  for (const Run &run : runs)
    for (auto &[name, cells] : run.analysis.matrices) {
      if (name == "angular_distance")
        continue;
      page.openDetails(run.name + ": " + words(name));
      std::vector<std::string> labels;
      for (size_t i = 0; i < cells.front().size(); ++i)
        labels.push_back(std::to_string(i));
      page.figures(
          {heatMap(words(name), {""}, labels, {""}, 0, cells, {words(name)})});
      page.closeDetails();
    }
  if (others.empty())
    return;
  page.openDetails(std::to_string(others.size()) +
                   " more measurements by layer");
  page.figures(others);
  for (const std::string &name : names) {
    if (name == "gradient_norm" || name == "stream_rms")
      continue;
    std::vector<Figure> figures = overTime(runs, name);
    if (figures.empty())
      continue;
    page.heading(words(name) + " by layer over time");
    page.figures(figures);
  }
  page.closeDetails();
}

//===----------------------------------------------------------------------===//
// Drawings and configurations
//===----------------------------------------------------------------------===//

void mixln::report::addDrawings(PageBuilder &page,
                                const std::vector<Run> &runs) {
  bool any = false;
  for (const Run &run : runs)
    for (auto &[name, svg] : run.drawings) {
      if (!any)
        page.section("Memory", "memory");
      any = true;
      // As a picture: scripts inside of it do not run.
      page.raw("<figure class=\"drawing\"><figcaption>" + escape(run.name) +
               ": " + escape(name) + "</figcaption><img alt=\"" + escape(name) +
               "\" src=\"data:image/svg+xml;base64," + llvm::encodeBase64(svg) +
               "\"></figure>\n");
    }
}

void mixln::report::addConfigurations(PageBuilder &page,
                                      const std::vector<Run> &runs) {
  if (runs.size() < 2)
    return;
  page.section("What differs between the runs", "configurations");
  auto keys = differingKeys(runs);
  if (keys.empty()) {
    page.paragraph("Nothing in run.json: flags, model, data, machine and "
                   "versions are the same.");
    return;
  }
  page.paragraph("Only what differs in run.json; an empty cell: the run lacks "
                 "the key.",
                 "note");
  std::vector<Table::Column> columns = {{"run"}};
  for (auto &[key, values] : keys)
    columns.push_back({key});
  Table table(columns);
  for (size_t i = 0; i < runs.size(); ++i) {
    std::vector<std::string> row = {runs[i].name};
    for (auto &[key, values] : keys)
      row.push_back(values[i]);
    table.add(std::move(row));
  }
  page.raw(table.html());
}
