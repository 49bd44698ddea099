//===- Compare.cpp - Which runs may be compared ---------------------------===//

#include "mixln/Report/Compare.h"

#include "llvm/ADT/StringRef.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

using namespace mixln::report;
using nlohmann::ordered_json;

static constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

//===----------------------------------------------------------------------===//
// Configurations
//===----------------------------------------------------------------------===//

static void flattenInto(const std::string &prefix, const ordered_json &value,
                        std::map<std::string, std::string> &out) {
  if (value.is_object()) {
    for (auto &[key, entry] : value.items())
      flattenInto(prefix.empty() ? key : prefix + "." + key, entry, out);
    return;
  }
  out[prefix] =
      value.is_string()
          ? value.get<std::string>()
          : value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

std::map<std::string, std::string>
mixln::report::flatten(const ordered_json &about) {
  std::map<std::string, std::string> out;
  if (about.is_object())
    flattenInto("", about, out);
  return out;
}

/// When and where a run was, not what.
static bool isCircumstance(const std::string &key) {
  static const std::set<std::string> keys = {
      "started",      "directory",      "resumed",    "flags.save_dir",
      "flags.resume", "flags.run_name", "flags.name", "flags.tags"};
  return keys.count(key) != 0;
}

std::vector<std::pair<std::string, std::vector<std::string>>>
mixln::report::differingKeys(const std::vector<Run> &runs) {
  std::map<std::string, std::vector<std::string>> values;
  for (size_t i = 0; i < runs.size(); ++i)
    for (auto &[key, value] : flatten(runs[i].about)) {
      auto &row = values[key];
      row.resize(runs.size());
      row[i] = value;
    }
  std::vector<std::pair<std::string, std::vector<std::string>>> out;
  for (auto &[key, row] : values)
    if (!isCircumstance(key) &&
        std::any_of(row.begin(), row.end(),
                    [&](const std::string &v) { return v != row[0]; }))
      out.emplace_back(key, row);
  return out;
}

std::vector<std::string>
mixln::report::placementsOf(const std::vector<Run> &runs) {
  std::vector<std::string> names;
  for (const Run &run : runs)
    if (std::find(names.begin(), names.end(), run.placement) == names.end())
      names.push_back(run.placement);
  return names;
}

static const char defaults[] =
#define MIXLN_DEFAULTS
#include "EmbeddedPage.inc"
#undef MIXLN_DEFAULTS
    ;

std::string mixln::report::baselineOf(const std::vector<Run> &runs,
                                      const std::string &given) {
  if (!given.empty())
    return given;
  std::vector<std::string> placements = placementsOf(runs);
  auto usual = ordered_json::parse(defaults).at("baseline").get<std::string>();
  bool isThere = std::find(placements.begin(), placements.end(), usual) !=
                 placements.end();
  return isThere ? usual : placements.empty() ? "" : placements.front();
}

//===----------------------------------------------------------------------===//
// Groups
//===----------------------------------------------------------------------===//

double mixln::report::tailLoss(const Run &run) {
  if (run.steps.empty())
    return kNaN;
  size_t count = std::max<size_t>(1, run.steps.size() / 10);
  double sum = 0;
  for (size_t i = run.steps.size() - count; i < run.steps.size(); ++i)
    sum += run.steps[i].loss;
  return sum / static_cast<double>(count);
}

static bool isFinished(const Run &run, double step) {
  double planned = run.numberFlag("num_training_steps");
  return !(step < planned);
}

/// Training losses compare where the rows of the last updates are the same.
static std::string trainingData(const Run &run) {
  auto about = flatten(run.about);
  if (!about.count("hashes.data"))
    return "unknown data of " + run.name;
  std::string id;
  for (const char *key :
       {"hashes.data", "hashes.tokenizer", "flags.packing", "flags.seq_len",
        "flags.total_batch_size", "flags.data_seed", "flags.no_shuffle",
        "flags.shuffle_window", "flags.num_training_steps"})
    id += (id.empty() ? "" : " ") + about[key];
  return id;
}

static void sortOutcomes(std::vector<Outcome> &outcomes) {
  auto rank = [](const Outcome &o) {
    double loss = !o.diverged && std::isfinite(o.loss)
                      ? o.loss
                      : std::numeric_limits<double>::infinity();
    return std::pair(loss, o.run->name);
  };
  std::sort(
      outcomes.begin(), outcomes.end(),
      [&](const Outcome &a, const Outcome &b) { return rank(a) < rank(b); });
}

std::vector<Group> mixln::report::groupOutcomes(const std::vector<Run> &runs) {
  std::vector<Group> groups;
  auto add = [&](const std::string &measure, const std::string &id,
                 bool isEvaluation, Outcome outcome) {
    auto found = std::find_if(groups.begin(), groups.end(), [&](auto &group) {
      return group.measure == measure && group.id == id;
    });
    if (found == groups.end())
      found = groups.insert(groups.end(), {measure, id, isEvaluation, {}});
    found->outcomes.push_back(outcome);
  };
  // Runs that diverged before their first evaluation: their place is beside
  // the others with the same evaluation data.
  std::map<std::string, std::string> idOfData;
  for (const Run &run : runs)
    if (const Evaluation *last = run.lastEvaluation("eval"))
      idOfData[flatten(run.about)["hashes.eval_data"]] = last->id;
  for (const Run &run : runs) {
    std::set<std::string> names;
    for (const Evaluation &evaluation : run.evaluations)
      names.insert(evaluation.name);
    bool diverged = run.divergedAt >= 0;
    for (const std::string &name : names) {
      const Evaluation &last = *run.lastEvaluation(name);
      double step = std::isfinite(last.step) ? last.step : run.lastStep();
      add(name, last.id.empty() ? "no eval_id (" + run.name + ")" : last.id,
          true, {&run, step, last.loss, diverged, isFinished(run, step)});
    }
    if (!names.empty())
      continue;
    std::string data = flatten(run.about)["hashes.eval_data"];
    if (diverged && !data.empty() && idOfData.count(data))
      add("eval", idOfData[data], true,
          {&run, run.lastStep(), kNaN, true, false});
    else
      add("training loss", trainingData(run), false,
          {&run, run.lastStep(), tailLoss(run), diverged,
           isFinished(run, run.lastStep())});
  }
  std::sort(groups.begin(), groups.end(), [](const Group &a, const Group &b) {
    return std::tie(b.isEvaluation, a.measure, a.id) <
           std::tie(a.isEvaluation, b.measure, b.id);
  });
  for (Group &group : groups)
    sortOutcomes(group.outcomes);
  return groups;
}
