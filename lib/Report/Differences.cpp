//===- Differences.cpp - Paired differences between placements ------------===//

#include "mixln/Report/Compare.h"

#include "llvm/ADT/StringRef.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

using namespace mixln::report;

static constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// Whether runs that differ in it are two settings: what changes the numbers
/// of a run and is not what is compared.
static bool isOfSetting(llvm::StringRef key) {
  static const std::set<llvm::StringRef> compared = {
      "flags.lr",         "flags.seed",           "config.norm",
      "config.post_num",  "config.architectures", "config.model_type",
      "config.norm_type", "config.norm_kind"};
  // Files are known by their hashes.
  static const std::set<llvm::StringRef> harmless = {
      "flags.save_every", "flags.save_at",   "flags.keep_last",
      "flags.threads",    "flags.data",      "flags.eval_data",
      "flags.eval_every", "flags.tokenizer", "flags.save_dir",
      "flags.resume",     "flags.run_name",  "flags.name",
      "flags.tags"};
  if (compared.count(key) || harmless.count(key) ||
      key.starts_with("config.norm_") || key.starts_with("config.mixln"))
    return false;
  return key.starts_with("flags.") || key.starts_with("config.") ||
         key == "program.dtype" || key == "hashes.data" ||
         key == "hashes.tokenizer";
}

std::vector<Setting> mixln::report::settingsOf(const Group &group) {
  std::map<std::map<std::string, std::string>, std::vector<Outcome>> byAbout;
  for (const Outcome &outcome : group.outcomes) {
    auto about = flatten(outcome.run->about);
    std::erase_if(about,
                  [](const auto &entry) { return !isOfSetting(entry.first); });
    byAbout[about].push_back(outcome);
  }
  std::set<std::string> differing;
  for (auto &[about, outcomes] : byAbout)
    for (auto &[key, value] : about)
      for (auto &[other, ignored] : byAbout) {
        auto found = other.find(key);
        if (found == other.end() || found->second != value)
          differing.insert(key);
      }
  std::vector<Setting> settings;
  for (auto &[about, outcomes] : byAbout) {
    Setting setting;
    for (const std::string &key : differing) {
      auto found = about.find(key);
      setting.name += (setting.name.empty() ? "" : ", ") + key + " " +
                      (found == about.end() ? "absent" : found->second);
    }
    setting.outcomes = outcomes;
    settings.push_back(std::move(setting));
  }
  return settings;
}

namespace {
/// Outcomes of one placement at one learning rate, by seed.
struct Cell {
  std::map<std::string, double> losses;
  bool diverged = false;

  double mean() const {
    double sum = 0;
    for (auto &[seed, loss] : losses)
      sum += loss;
    return sum / static_cast<double>(losses.size());
  }
};
} // namespace

static std::map<double, Cell> cellsOf(const Setting &setting,
                                      const std::string &placement) {
  std::map<double, Cell> cells;
  for (const Outcome &outcome : setting.outcomes) {
    double lr = outcome.run->numberFlag("lr");
    if (outcome.run->placement != placement || !std::isfinite(lr))
      continue;
    Cell &cell = cells[lr];
    if (outcome.diverged || !std::isfinite(outcome.loss))
      cell.diverged = true;
    else if (outcome.finished)
      cell.losses[outcome.run->flag("seed")] = outcome.loss;
  }
  return cells;
}

static double bestOf(const std::map<double, Cell> &cells) {
  double best = kNaN;
  const Cell *bestCell = nullptr;
  for (auto &[lr, cell] : cells) {
    if (cell.diverged || cell.losses.empty())
      continue;
    if (!bestCell || cell.losses.size() > bestCell->losses.size() ||
        (cell.losses.size() == bestCell->losses.size() &&
         cell.mean() < bestCell->mean())) {
      best = lr;
      bestCell = &cell;
    }
  }
  return best;
}

double mixln::report::bestLearningRate(const Setting &setting,
                                       const std::string &placement) {
  return bestOf(cellsOf(setting, placement));
}

static std::vector<double> paired(const Cell &a, const Cell &b) {
  std::vector<double> values;
  for (auto &[seed, loss] : a.losses)
    if (auto other = b.losses.find(seed); other != b.losses.end())
      values.push_back(loss - other->second);
  return values;
}

std::vector<Difference>
mixln::report::differences(const Group &group, const std::string &baseline) {
  std::vector<Difference> out;
  for (const Setting &setting : settingsOf(group)) {
    std::set<std::string> placements;
    for (const Outcome &outcome : setting.outcomes)
      placements.insert(outcome.run->placement);
    auto base = cellsOf(setting, baseline);
    double baseBest = bestOf(base);
    for (bool atBest : {true, false})
      for (const std::string &placement : placements) {
        if (placement == baseline)
          continue;
        auto cells = cellsOf(setting, placement);
        auto add = [&](double lr, double baseLr) {
          std::vector<double> values = paired(cells[lr], base[baseLr]);
          if (!values.empty())
            out.push_back({setting.name, placement, baseline, lr, baseLr,
                           atBest, estimateMean(values)});
        };
        double best = bestOf(cells);
        if (atBest && std::isfinite(best) && std::isfinite(baseBest))
          add(best, baseBest);
        if (!atBest)
          for (auto &[lr, cell] : std::map(cells))
            if (base.count(lr))
              add(lr, lr);
      }
  }
  return out;
}
