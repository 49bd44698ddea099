//===- Differences.cpp - Paired differences between placements ------------===//

#include "mixln/Report/Compare.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

using namespace mixln::report;

static constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

std::vector<Setting> mixln::report::settingsOf(const Group &group) {
  std::map<std::map<std::string, std::string>, std::vector<Outcome>> byAbout;
  for (const Outcome &outcome : group.outcomes)
    byAbout[settingKeysOf(*outcome.run)].push_back(outcome);
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
  std::map<std::string, std::vector<double>> losses;
  std::set<std::string> diverged;

  double mean() const {
    double sum = 0;
    for (auto &[seed, of] : losses)
      sum += estimateMean(of).mean;
    return sum / static_cast<double>(losses.size());
  }
};
} // namespace

/// What a pair shares: initial values and the order of the rows.
static std::string pairKey(const Run &run) {
  return run.flag("seed") + " " + run.flag("data_seed");
}

static std::map<double, Cell> cellsOf(const Setting &setting,
                                      const std::string &placement) {
  std::map<double, Cell> cells;
  for (const Outcome &outcome : setting.outcomes) {
    double lr = outcome.run->numberFlag("lr");
    if (outcome.run->placement != placement || !std::isfinite(lr))
      continue;
    Cell &cell = cells[lr];
    if (outcome.diverged || !std::isfinite(outcome.loss))
      cell.diverged.insert(pairKey(*outcome.run));
    else if (outcome.finished)
      cell.losses[pairKey(*outcome.run)].push_back(outcome.loss);
  }
  return cells;
}

static double bestOf(const std::map<double, Cell> &cells) {
  double best = kNaN;
  const Cell *bestCell = nullptr;
  for (auto &[lr, cell] : cells) {
    if (!cell.diverged.empty() || cell.losses.empty())
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

/// The pairs of two cells; `repeated` counts those of several runs.
static std::vector<double> paired(const Cell &a, const Cell &b, int &repeated) {
  std::vector<double> values;
  for (auto &[seed, losses] : a.losses)
    if (auto other = b.losses.find(seed); other != b.losses.end()) {
      values.push_back(estimateMean(losses).mean -
                       estimateMean(other->second).mean);
      repeated += losses.size() > 1 || other->second.size() > 1;
    }
  return values;
}

static std::string seedsText(int count) {
  return std::to_string(count) + (count == 1 ? " seed" : " seeds");
}

std::string Difference::note() const {
  std::string text;
  auto add = [&](const std::string &part) {
    text += (text.empty() ? "" : "; ") + part;
  };
  if (diverged)
    add(seedsText(diverged) + " of " + placement + " diverged");
  if (baselineDiverged)
    add(seedsText(baselineDiverged) + " of " + baseline + " diverged");
  if (repeated)
    add(seedsText(repeated) + " with several runs: their means");
  return text;
}

static std::set<std::string> placementsIn(const Setting &setting) {
  std::set<std::string> placements;
  for (const Outcome &outcome : setting.outcomes)
    placements.insert(outcome.run->placement);
  return placements;
}

std::vector<Difference>
mixln::report::differences(const Group &group, const std::string &baseline) {
  std::vector<Difference> out;
  for (const Setting &setting : settingsOf(group)) {
    auto base = cellsOf(setting, baseline);
    double baseBest = bestOf(base);
    for (bool atBest : {true, false})
      for (const std::string &placement : placementsIn(setting)) {
        if (placement == baseline)
          continue;
        auto cells = cellsOf(setting, placement);
        auto add = [&](double lr, double baseLr) {
          const Cell &cell = cells[lr], &other = base[baseLr];
          Difference one = {setting.name, placement, baseline, lr,
                            baseLr,       atBest,    {}};
          one.estimate = estimateMean(paired(cell, other, one.repeated));
          one.diverged = static_cast<int>(cell.diverged.size());
          one.baselineDiverged = static_cast<int>(other.diverged.size());
          if (one.estimate.count || one.diverged || one.baselineDiverged)
            out.push_back(std::move(one));
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

std::string mixln::report::whyUnpaired(const Group &group,
                                       const std::string &baseline) {
  std::set<std::string> placements;
  for (const Outcome &outcome : group.outcomes)
    placements.insert(outcome.run->placement);
  if (placements.size() < 2 || !placements.count(baseline) ||
      !differences(group, baseline).empty())
    return "";
  std::vector<Setting> settings = settingsOf(group);
  std::set<std::string> keys;
  bool anyShared = false, anyFinished = false;
  for (const Setting &setting : settings) {
    std::set<std::string> here = placementsIn(setting);
    anyShared |= here.size() > 1 && here.count(baseline);
    for (const std::string &placement : here)
      anyFinished |= placement != baseline && here.count(baseline) &&
                     std::isfinite(bestOf(cellsOf(setting, placement))) &&
                     std::isfinite(bestOf(cellsOf(setting, baseline)));
  }
  for (const Setting &a : settings)
    for (const Setting &b : settings) {
      auto ofA = settingKeysOf(*a.outcomes.front().run),
           ofB = settingKeysOf(*b.outcomes.front().run);
      for (auto &[key, value] : ofA)
        if (auto other = ofB.find(key);
            other == ofB.end() || other->second != value)
          keys.insert(key);
    }
  if (!anyShared) {
    std::string text;
    for (const std::string &key : keys)
      text += (text.empty() ? "" : ", ") + key;
    return "no pairs: the runs differ in " + text;
  }
  if (!anyFinished)
    return "no pairs: not both " + baseline +
           " and another placement have a learning rate at which a seed "
           "finished and none diverged";
  return "no pairs: the runs differ in flags.seed or flags.data_seed";
}
