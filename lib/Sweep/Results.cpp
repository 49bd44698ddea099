//===- Results.cpp - What came out of a sweep -----------------------------===//

#include "mixln/Sweep/Results.h"
#include "checkpoint/OutputFile.h"
#include "mixln/Report/Compare.h"
#include "mixln/Report/Page.h"
#include "mixln/Report/Placements.h"
#include "mixln/Sweep/Commands.h"
#include "mixln/Sweep/State.h"

#include <cmath>
#include <cstdio>

using namespace mixln::sweep;
using namespace mixln::report;
using nlohmann::ordered_json;

static ordered_json runJson(const Sweep &sweep, const RunPlan &plan,
                            const Run *run) {
  static const char *const names[] = {"not begun", "unfinished", "done",
                                      "diverged"};
  State state = stateOf(folderOf(sweep, plan));
  ordered_json flags = ordered_json::object();
  for (auto &[name, value] : plan.varied)
    flags[name] = value;
  ordered_json json = {{"name", plan.name},
                       {"flags", flags},
                       {"state", names[static_cast<int>(state.progress)]},
                       {"step", state.step}};
  if (!run)
    return json;
  json["placement"] = run->placement;
  json["training_loss"] = tailLoss(*run);
  ordered_json evaluations = ordered_json::object();
  for (const Evaluation &one : run->evaluations)
    evaluations[one.name] = {{"loss", one.loss},
                             {"perplexity", one.perplexity},
                             {"eval_id", one.id}};
  json["evaluations"] = evaluations;
  return json;
}

static ordered_json differenceJson(const Group &group, const Difference &one) {
  const Estimate &e = one.estimate;
  return {{"measure", group.measure},
          {"eval_id", group.id},
          {"setting", one.setting},
          {"placement", one.placement},
          {"baseline", one.baseline},
          {"lr", one.lr},
          {"baseline_lr", one.baselineLr},
          {"each_at_its_best", one.atBest},
          {"seeds", e.count},
          {"diverged_seeds", one.diverged},
          {"baseline_diverged_seeds", one.baselineDiverged},
          {"note", one.note()},
          {"mean", e.mean},
          {"t_interval_95", {e.low, e.high}},
          {"bootstrap_interval_95", {e.bootstrapLow, e.bootstrapHigh}}};
}

static std::string differenceText(const Group &group, const Difference &one) {
  char text[512];
  const Estimate &e = one.estimate;
  std::snprintf(text, sizeof text, "%s: %s - %s = %+.4f", group.measure.c_str(),
                one.placement.c_str(), one.baseline.c_str(), e.mean);
  std::string line = text;
  if (e.count > 1) {
    std::snprintf(text, sizeof text,
                  " (95 %% t interval %+.4f to %+.4f, %d "
                  "seeds)",
                  e.low, e.high, e.count);
    line += text;
  } else {
    line += " (one seed, no interval)";
  }
  std::snprintf(text, sizeof text, ", lr %g and %g", one.lr, one.baselineLr);
  return line + text + (one.setting.empty() ? "" : ", " + one.setting) + "\n";
}

std::string mixln::sweep::collect(const Sweep &sweep) {
  std::vector<Run> runs;
  std::vector<const RunPlan *> present;
  std::string text, missing;
  size_t absent = 0;
  for (const RunPlan &plan : sweep.runs) {
    Run run;
    std::string error;
    State state = stateOf(folderOf(sweep, plan));
    if (readRun(folderOf(sweep, plan), run, error)) {
      run.name = plan.name;
      run.placement = plan.placement;
      runs.push_back(std::move(run));
      present.push_back(&plan);
    } else {
      ++absent;
      missing += (missing.empty() ? "" : ", ") + plan.name;
    }
    text += plan.name + ": " + describe(state) + "\n";
  }
  ordered_json json = {{"format", 1}, {"runs", ordered_json::array()}};
  for (const RunPlan &plan : sweep.runs) {
    const Run *run = nullptr;
    for (size_t i = 0; i < runs.size(); ++i)
      if (present[i] == &plan)
        run = &runs[i];
    json["runs"].push_back(runJson(sweep, plan, run));
  }
  PageOptions options;
  options.title = sweep.title.empty() ? "Sweep " + sweep.out : sweep.title;
  options.baseline = baselineOf(runs, sweep.baseline);
  if (absent)
    options.notes.push_back(std::to_string(absent) + " of " +
                            std::to_string(sweep.runs.size()) +
                            " runs are not there yet: " + missing);
  json["differences"] = ordered_json::array();
  json["unpaired"] = ordered_json::array();
  for (const Group &group : groupOutcomes(runs)) {
    if (std::string why = whyUnpaired(group, options.baseline); !why.empty()) {
      json["unpaired"].push_back(
          {{"measure", group.measure}, {"eval_id", group.id}, {"why", why}});
      text += group.measure + ": " + why + "\n";
    }
    for (const Difference &one : differences(group, options.baseline)) {
      json["differences"].push_back(differenceJson(group, one));
      if (one.atBest)
        text += differenceText(group, one);
    }
  }
  auto replace = ordered_json::error_handler_t::replace;
  mixln::rt::writeTextFile(sweep.out + "/results.json",
                           json.dump(1, ' ', false, replace) + "\n");
  if (!runs.empty())
    mixln::rt::writeTextFile(sweep.out + "/report.html",
                             renderPage(runs, options));
  return text;
}
