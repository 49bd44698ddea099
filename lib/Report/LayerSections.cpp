//===- LayerSections.cpp - Everything that was measured by layer ----------===//

#include "Sections.h"

#include "llvm/ADT/StringRef.h"

#include <algorithm>
#include <set>

using namespace mixln::report;

namespace {
/// Measurements that are read together. A field belongs to the first group that
/// has its name, or the part before its first dot.
struct Topic {
  const char *title;
  std::vector<const char *> fields;
  bool open;     ///< else folded away
  bool overTime; ///< heat maps of updates and layers too, not folded
};
} // namespace

static const std::vector<Topic> &topics() {
  static const std::vector<Topic> all = {
      {"", {"gradient_norm", "stream_rms", "performance_drop"}, true, true},
      {"What a layer does to the stream",
       {"branch_ratio", "turn_angle", "branch_rms", "sub_layer_rms",
        "sub_layer_max", "stream_max"},
       true,
       false},
      {"Attention", {"attention_max", "attention_entropy"}, true, true},
      {"Gradients of layers' inputs and of classes of parameters",
       {"input_gradient", "gradient_norm_by_class"},
       true,
       false},
      {"Updates and weights", {"update_ratio", "weight_norm"}, true, false},
      {"Gains, scales, gates and biases",
       {"gain_mean", "gain_min", "gain_max"},
       false,
       false},
      {"", {}, false, false}, // the rest
  };
  return all;
}

/// The fields of each topic: by the topic's order, then by name.
static std::vector<std::vector<std::string>>
sortFields(const std::vector<Run> &runs) {
  std::set<std::string> names;
  for (const Run &run : runs)
    for (const LayerMeasurements *one : {&run.analysis, &run.history})
      for (auto &[name, rows] : one->fields)
        names.insert(name);
  std::vector<std::vector<std::string>> sorted;
  for (const Topic &topic : topics()) {
    auto &fields = sorted.emplace_back();
    for (const char *known : topic.fields)
      for (auto it = names.begin(); it != names.end();) {
        bool is = llvm::StringRef(*it).split('.').first == known;
        if (is)
          fields.push_back(*it);
        it = is ? names.erase(it) : std::next(it);
      }
  }
  sorted.back().assign(names.begin(), names.end());
  return sorted;
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

static void addHeatMaps(PageBuilder &page, const std::vector<Run> &runs,
                        const std::vector<std::string> &fields) {
  for (const std::string &field : fields) {
    std::vector<Figure> figures = overTime(runs, field);
    if (figures.empty())
      continue;
    page.heading(words(field) + " by layer over time");
    page.figures(figures);
  }
}

static void addTopic(PageBuilder &page, const std::vector<Run> &runs,
                     const Looks &looks, const Topic &topic,
                     const std::vector<std::string> &fields) {
  std::vector<Figure> figures;
  for (const std::string &field : fields)
    if (auto figure = fieldByLayer(runs, looks, field))
      figures.push_back(std::move(*figure));
  if (figures.empty())
    return;
  std::string title = topic.title;
  if (topic.open && !title.empty())
    page.heading(title);
  if (!topic.open)
    page.openDetails((title.empty() ? "Further measurements" : title) + " (" +
                     std::to_string(figures.size()) + ")");
  page.figures(figures);
  if (topic.overTime) {
    addHeatMaps(page, runs, fields);
  } else {
    bool any = std::any_of(fields.begin(), fields.end(), [&](auto &field) {
      return !overTime(runs, field).empty();
    });
    if (any) {
      page.openDetails("The same over time");
      addHeatMaps(page, runs, fields);
      page.closeDetails();
    }
  }
  if (!topic.open)
    page.closeDetails();
}

static void addMatrices(PageBuilder &page, const std::vector<Run> &runs) {
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
}

void mixln::report::addLayers(PageBuilder &page, const std::vector<Run> &runs,
                              const Looks &looks) {
  std::vector<std::vector<std::string>> fields = sortFields(runs);
  std::vector<Figure> angles = angularDistances(runs, looks);
  bool none = std::all_of(fields.begin(), fields.end(), [&](auto &of) {
    return std::none_of(of.begin(), of.end(), [&](auto &field) {
      return fieldByLayer(runs, looks, field).has_value();
    });
  });
  if (none && angles.empty())
    return;
  page.section("Layers", "layers");
  std::set<std::string> rows;
  for (const Run &run : runs)
    if (!run.analysisRows.empty())
      rows.insert(run.analysisRows);
  if (rows.size() > 1)
    page.paragraph("The runs' layers.json are of different rows or positions "
                   "(rows_id, positions): their angular distances and losses "
                   "without a layer do not compare.",
                   "warning");
  for (size_t i = 0; i < fields.size(); ++i) {
    addTopic(page, runs, looks, topics()[i], fields[i]);
    if (i > 0 || angles.empty())
      continue;
    page.heading("Angular distance of layers l and l + n");
    page.figures(angles);
  }
  addMatrices(page, runs);
}
