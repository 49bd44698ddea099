//===- Placement.cpp - What a run would compile ---------------------------===//

#include "Placement.h"
#include "mixln/Pipelines/Compile.h"
#include "mixln/Pipelines/CompileFlags.h"
#include "mixln/Report/Placements.h"
#include "mixln/Sweep/Commands.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"

#include <map>

using namespace mixln;
using namespace mixln::sweep;
using nlohmann::ordered_json;

/// What run.json of such a run would say of its program.
static bool describeStep(const RunPlan &run, ordered_json &about,
                         std::string &error) {
  llvm::SmallVector<std::string> arguments;
  for (std::string &word : argumentsOf(run.flags))
    arguments.push_back(std::move(word));
  CompileOptions options;
  error = takeCompileFlags(arguments, options);
  if (!error.empty())
    return false;
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  auto module = importConfig(context, options, error);
  if (failed(module))
    return false;
  auto text = [&](const char *name) {
    auto attribute = (**module)->getAttrOfType<mlir::StringAttr>(name);
    return attribute ? attribute.str() : std::string();
  };
  about["program"]["norm"] = text("mixln.norm");
  about["config"] =
      ordered_json::parse(text("mixln.config_json"), nullptr, false);
  return true;
}

bool mixln::sweep::findPlacements(Sweep &sweep, std::string &error) {
  std::map<std::string, ordered_json> steps;
  std::vector<report::Run> runs;
  for (RunPlan &plan : sweep.runs) {
    ordered_json &about = steps[compiledStep(plan)];
    if (about.is_null() && !describeStep(plan, about, error)) {
      error = plan.name + ": " + error;
      return false;
    }
    plan.config = about["config"].dump();
    report::Run run;
    run.about = about;
    run.placement = report::namePlacement(about);
    runs.push_back(std::move(run));
  }
  report::tellPlacementsApart(runs);
  std::vector<std::pair<std::string, std::string>> aliases;
  for (size_t i = 0; i < runs.size(); ++i) {
    RunPlan &plan = sweep.runs[i];
    plan.placement = runs[i].placement;
    if (const std::string *norm = findFlag(plan.flags, "norm"))
      aliases.emplace_back(*norm, plan.placement);
  }
  if (sweep.baseline.empty() ||
      report::findBaseline(report::placementsOf(runs), aliases, sweep.baseline,
                           sweep.baseline, error))
    return true;
  error = "baseline: " + error;
  return false;
}
