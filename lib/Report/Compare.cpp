//===- Compare.cpp - Which runs may be compared ---------------------------===//

#include "mixln/Report/Compare.h"
#include "mixln/Report/RunKeys.h"

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

std::map<std::string, std::string>
mixln::report::settingKeysOf(const Run &run) {
  std::map<std::string, std::string> about = flatten(run.about), keys;
  for (auto &[key, value] : about)
    if (effectOf(key, about) == KeyEffect::Numbers)
      keys[key] = value;
  return keys;
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
    if (effectOf(key, {}) != KeyEffect::Name &&
        std::any_of(row.begin(), row.end(),
                    [&](const std::string &v) { return v != row[0]; }))
      out.emplace_back(key, row);
  return out;
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

namespace {
/// Collects groups. Runs that diverged before an evaluation have their place
/// beside the others of their setting: a placement that leaves out what
/// diverged would look better than it is.
class Grouper {
public:
  void addMeasured(const Run &run);
  void addDiverged(const Run &run);
  std::vector<Group> take();

private:
  using Keys = std::map<std::string, std::string>;
  void add(const std::string &measure, const std::string &id, bool isEvaluation,
           const Outcome &outcome);
  void addTraining(const Run &run);

  std::vector<Group> groups;
  std::map<std::string, std::string> idOfData; ///< data of `eval` to eval_id
  std::map<const Run *, Keys> keys;
};
} // namespace

void Grouper::add(const std::string &measure, const std::string &id,
                  bool isEvaluation, const Outcome &outcome) {
  auto found = std::find_if(groups.begin(), groups.end(), [&](auto &group) {
    return group.measure == measure && group.id == id;
  });
  if (found == groups.end())
    found = groups.insert(groups.end(), {measure, id, isEvaluation, {}});
  found->outcomes.push_back(outcome);
}

void Grouper::addTraining(const Run &run) {
  add("training loss", trainingData(run), false,
      {&run, run.lastStep(), tailLoss(run), run.divergedAt >= 0,
       isFinished(run, run.lastStep())});
}

void Grouper::addMeasured(const Run &run) {
  keys[&run] = settingKeysOf(run);
  std::set<std::string> names;
  for (const Evaluation &evaluation : run.evaluations)
    names.insert(evaluation.name);
  for (const std::string &name : names) {
    const Evaluation &last = *run.lastEvaluation(name);
    double step = std::isfinite(last.step) ? last.step : run.lastStep();
    add(name, last.id.empty() ? "no eval_id (" + run.name + ")" : last.id, true,
        {&run, step, last.loss, run.divergedAt >= 0, isFinished(run, step)});
    if (name == "eval")
      idOfData[flatten(run.about)["hashes.eval_data"]] = last.id;
  }
  if (names.empty() && run.divergedAt < 0)
    addTraining(run);
}

void Grouper::addDiverged(const Run &run) {
  Outcome outcome = {&run, run.lastStep(), kNaN, true, false};
  bool any = !run.evaluations.empty();
  for (Group &group : groups) {
    bool isBeside =
        group.isEvaluation && !run.lastEvaluation(group.measure) &&
        std::any_of(group.outcomes.begin(), group.outcomes.end(),
                    [&](const Outcome &other) {
                      return !other.diverged && keys[other.run] == keys[&run];
                    });
    if (isBeside)
      group.outcomes.push_back(outcome);
    any |= isBeside;
  }
  if (any)
    return;
  std::string data = flatten(run.about)["hashes.eval_data"];
  if (!data.empty() && idOfData.count(data))
    add("eval", idOfData[data], true, outcome);
  else
    addTraining(run);
}

std::vector<Group> Grouper::take() {
  std::sort(groups.begin(), groups.end(), [](const Group &a, const Group &b) {
    return std::tie(b.isEvaluation, a.measure, a.id) <
           std::tie(a.isEvaluation, b.measure, b.id);
  });
  for (Group &group : groups)
    sortOutcomes(group.outcomes);
  return std::move(groups);
}

std::vector<Group> mixln::report::groupOutcomes(const std::vector<Run> &runs) {
  Grouper grouper;
  for (const Run &run : runs)
    grouper.addMeasured(run);
  for (const Run &run : runs)
    if (run.divergedAt >= 0)
      grouper.addDiverged(run);
  return grouper.take();
}
