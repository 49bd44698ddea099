//===- ResultSections.cpp - Who did how well, and how sure that is --------===//

#include "Html.h"
#include "Sections.h"

#include <algorithm>
#include <cmath>
#include <set>

using namespace mixln::report;

static std::string placementOf(const Run &run) {
  return run.placement.empty() ? "unknown" : run.placement;
}

static std::string stateOf(const Run &run) {
  if (run.divergedAt >= 0)
    return "diverged at update " + std::to_string(run.divergedAt);
  double planned = run.numberFlag("num_training_steps");
  if (run.steps.empty())
    return planned == 0 ? "initial values only" : "no update";
  if (!std::isfinite(planned))
    return "unknown plan";
  return run.lastStep() < planned ? "stopped" : "finished";
}

static double median(std::vector<double> values) {
  std::erase_if(values, [](double v) { return !std::isfinite(v); });
  if (values.empty())
    return std::nan("");
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

static std::string stepsOf(const Run &run) {
  double planned = run.numberFlag("num_training_steps");
  std::string text = number(run.lastStep(), 12);
  return std::isfinite(planned) ? text + " / " + number(planned, 12) : text;
}

void mixln::report::addRuns(PageBuilder &page, const std::vector<Run> &runs) {
  page.section("Runs", "runs");
  Table table({{"run"},
               {"placement"},
               {"learning rate", true},
               {"seed", true},
               {"updates", true},
               {"state"},
               {"training loss", true},
               {"tokens", true},
               {"tokens/s", true}});
  for (const Run &run : runs) {
    std::vector<double> speeds;
    for (const StepRecord &record : run.steps)
      speeds.push_back(record.tokensPerSecond);
    table.add({run.name, placementOf(run), run.flag("lr"), run.flag("seed"),
               stepsOf(run), stateOf(run), fixed(tailLoss(run), 4),
               run.steps.empty() ? "" : number(run.steps.back().tokens, 12),
               number(median(speeds), 4)});
  }
  page.raw(table.html());
  page.paragraph("Training loss: mean of the last tenth of the updates. "
                 "Tokens: labels that counted. Tokens/s: median over the "
                 "updates, positions computed.",
                 "note");
  for (const Run &run : runs)
    for (const std::string &warning : run.warnings)
      page.paragraph(run.name + ": " + warning, "warning");
}

static std::string titleOf(const Group &group) {
  if (!group.isEvaluation)
    return "Training loss of runs without evaluation";
  return (group.measure == "eval" ? std::string("Evaluation")
                                  : "Evaluation on " + group.measure) +
         ", eval_id " + group.id;
}

static void addGroup(PageBuilder &page, const Group &group) {
  page.heading(titleOf(group));
  if (!group.isEvaluation)
    page.paragraph("Same training rows: " + group.id, "note");
  double best = group.outcomes.front().loss;
  Table table({{"", true},
               {"run"},
               {"placement"},
               {"learning rate", true},
               {"seed", true},
               {"after update", true},
               {"loss", true},
               {"perplexity", true},
               {"above the best", true}});
  int rank = 0;
  for (const Outcome &outcome : group.outcomes) {
    const Run &run = *outcome.run;
    std::vector<std::string> row = {"",
                                    run.name,
                                    placementOf(run),
                                    run.flag("lr"),
                                    run.flag("seed"),
                                    number(outcome.step, 12)};
    if (outcome.diverged || !std::isfinite(outcome.loss)) {
      row.insert(row.end(), {stateOf(run), "", ""});
    } else {
      row[0] = std::to_string(++rank);
      if (!outcome.finished)
        row[5] += " (unfinished)";
      row.insert(row.end(),
                 {fixed(outcome.loss, 4), fixed(std::exp(outcome.loss), 2),
                  fixed(outcome.loss - best, 4)});
    }
    table.add(std::move(row));
  }
  page.raw(table.html());
}

void mixln::report::addResults(PageBuilder &page,
                               const std::vector<Group> &groups) {
  if (groups.empty())
    return;
  page.section("Losses and perplexities", "losses");
  if (groups.size() > 1)
    page.paragraph("There are " + std::to_string(groups.size()) +
                       " groups: losses of different groups were measured on "
                       "different rows, so runs are ranked within a group "
                       "only.",
                   "warning");
  for (const Group &group : groups)
    addGroup(page, group);
}

//===----------------------------------------------------------------------===//
// Differences
//===----------------------------------------------------------------------===//

static std::string interval(double low, double high) {
  if (!std::isfinite(low))
    return "\u2013";
  return fixed(low, 4) + " \u2026 " + fixed(high, 4);
}

static std::string settingSuffix(const std::string &setting) {
  return setting.empty() ? "" : " (" + setting + ")";
}

static std::string differencesNote(const std::string &baseline) {
  return "Each difference is placement minus " + baseline +
         ", paired: same seed and data_seed, same data, same other flags; "
         "below zero is better than " +
         baseline +
         ". The interval is the 95 % t interval of the mean over pairs (one "
         "pair has none). It covers what differs from pair to pair and nothing "
         "else: seed changes the initial values only, data_seed the order of "
         "the rows; another text or another size is another experiment. The "
         "bootstrap interval counts all resamples of the pairs; with so few it "
         "is too narrow and is given for 2 to 6 pairs only. \u201cEach at its "
         "best\u201d was chosen by the same evaluation.";
}

static void addDifferenceTable(PageBuilder &page,
                               const std::vector<Difference> &all,
                               const std::string &baseline) {
  Table table({{"placement"},
               {"learning rates"},
               {"seeds", true},
               {"mean difference", true},
               {"95 % interval (t)", true},
               {"95 % interval (bootstrap)", true},
               {"note", /*numeric=*/false, /*optional=*/true}});
  std::vector<Interval> items;
  for (const Difference &one : all) {
    std::string rates = (one.atBest ? "each at its best: " + number(one.lr) +
                                          " and " + number(one.baselineLr)
                                    : "both " + number(one.lr)) +
                        settingSuffix(one.setting);
    table.add({one.placement, rates, std::to_string(one.estimate.count),
               fixed(one.estimate.mean, 4),
               interval(one.estimate.low, one.estimate.high),
               interval(one.estimate.bootstrapLow, one.estimate.bootstrapHigh),
               one.note()});
    if (one.atBest)
      items.push_back({one.placement + settingSuffix(one.setting),
                       one.estimate.mean, one.estimate.low, one.estimate.high});
  }
  page.raw(table.html());
  if (!items.empty())
    page.figures({intervals("Each at its best learning rate",
                            {"loss minus that of " + baseline}, items,
                            "mean and 95 % t interval over seeds")});
}

void mixln::report::addDifferences(PageBuilder &page,
                                   const std::vector<Group> &groups,
                                   const std::string &baseline) {
  bool any = false;
  for (const Group &group : groups) {
    std::vector<Difference> all = differences(group, baseline);
    std::string why = whyUnpaired(group, baseline);
    if (all.empty() && why.empty())
      continue;
    if (!any) {
      page.section("Differences to " +
                       (baseline.empty() ? "unknown" : baseline),
                   "differences");
      page.paragraph(differencesNote(baseline), "note");
      any = true;
    }
    page.heading(titleOf(group));
    if (all.empty())
      page.paragraph(why + ".", "warning");
    else
      addDifferenceTable(page, all, baseline);
  }
}

//===----------------------------------------------------------------------===//
// Learning rates
//===----------------------------------------------------------------------===//

namespace {
/// Runs that have no place in the means, and why.
struct LeftOut {
  std::string diverged, unfinished;
};
} // namespace

static void addTo(std::string &list, const Run &run, double update) {
  list += (list.empty() ? "" : "; ") + run.placement + " at " +
          number(run.numberFlag("lr")) + " (seed " + run.flag("seed") +
          "): update " + number(update, 12);
}

static std::vector<Series>
overLearningRate(const Setting &setting, const Looks &looks, LeftOut &leftOut) {
  std::vector<Series> series;
  std::set<std::string> placements;
  for (const Outcome &outcome : setting.outcomes)
    placements.insert(outcome.run->placement);
  for (const std::string &placement : placements) {
    std::map<double, std::vector<double>> byRate;
    Series each;
    each.color = looks.colorOf(placement);
    each.markers = true;
    each.line = false;
    each.name = (placement.empty() ? "unknown" : placement) + ", a seed each";
    for (const Outcome &outcome : setting.outcomes) {
      double lr = outcome.run->numberFlag("lr");
      if (outcome.run->placement != placement || !(lr > 0))
        continue;
      if (outcome.diverged || !std::isfinite(outcome.loss)) {
        addTo(leftOut.diverged, *outcome.run,
              static_cast<double>(outcome.run->divergedAt));
        continue;
      }
      if (!outcome.finished) {
        addTo(leftOut.unfinished, *outcome.run, outcome.step);
        continue;
      }
      byRate[lr].push_back(outcome.loss);
      each.points.emplace_back(lr, outcome.loss);
    }
    Series mean = each;
    mean.name = placement.empty() ? "unknown" : placement;
    mean.points.clear();
    mean.line = true;
    mean.markers = false;
    bool several = false;
    for (auto &[lr, losses] : byRate) {
      several |= losses.size() > 1;
      mean.points.emplace_back(lr, estimateMean(losses).mean);
    }
    mean.markers = !several;
    if (mean.points.empty())
      continue;
    series.push_back(mean);
    if (several)
      series.push_back(each);
  }
  return series;
}

void mixln::report::addLearningRates(PageBuilder &page,
                                     const std::vector<Group> &groups,
                                     const Looks &looks) {
  bool any = false;
  for (const Group &group : groups)
    for (const Setting &setting : settingsOf(group)) {
      std::set<std::string> rates;
      for (const Outcome &outcome : setting.outcomes)
        rates.insert(outcome.run->flag("lr"));
      if (rates.size() < 2)
        continue;
      if (!any)
        page.section("Loss over learning rate", "learning-rates");
      any = true;
      LeftOut leftOut;
      std::vector<Series> series = overLearningRate(setting, looks, leftOut);
      page.figures({lines(titleOf(group) + settingSuffix(setting.name),
                          {"learning rate", true}, {"loss"}, series,
                          "lines join means over seeds")});
      if (!leftOut.diverged.empty())
        page.paragraph("Diverged: " + leftOut.diverged + ".", "warning");
      if (!leftOut.unfinished.empty())
        page.paragraph("Unfinished, and left out: " + leftOut.unfinished + ".",
                       "warning");
    }
}
