//===- EvalCommand.cpp ----------------------------------------------------===//

#include "checkpoint/ModelFolder.h"
#include "cli/OwnRun.h"
#include "cli/SharedFlags.h"
#include "data/Files.h"
#include "eval/Evaluate.h"
#include "support/Errors.h"
#include "train/RunFolder.h"
#include "train/Signals.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

using namespace mixln::rt;
using nlohmann::ordered_json;

namespace {

struct EvalFlags {
  std::string weights;
  DataFlags data;
  ThreadFlags threads;
  DeviceFlags device;
  int64_t tokens = 10'000'000;
  bool perDocument = false;
  std::string mean = "total";

  void takeFromRun(const OwnRun &run, const Flags &flags);
};

} // namespace

/// What the command line leaves open is as the run's own evaluations had it; of
/// other data only tokenizer, format and mean are.
void EvalFlags::takeFromRun(const OwnRun &run, const Flags &flags) {
  if (weights.empty()) {
    weights = newestCheckpointOf(run.folder);
    if (weights.empty())
      badInput("--weights is required: ", run.folder,
               " holds no whole checkpoint");
  }
  if (!flags.given("eval_mean") && !run.flag("eval_mean").empty())
    mean = run.flag("eval_mean");
  if (!data.takeEvaluationFromRun(run, flags))
    return;
  int64_t recorded;
  if (!flags.given("eval_tokens") &&
      parseCount(run.flag("eval_tokens"), recorded) && recorded > 0)
    tokens = recorded;
}

static void printDocuments(Model &model, const EvaluationOptions &options) {
  evaluateDocuments(model, options, stopRequested, [](const DocumentLoss &one) {
    ordered_json line = {{"document", one.index}, {"tokens", one.tokens}};
    double loss = one.lossSum / double(std::max<int64_t>(one.tokens, 1));
    line["loss"] = one.tokens > 0 ? ordered_json(loss) : ordered_json(nullptr);
    std::printf("%s\n", line.dump().c_str());
  });
}

int mixln::rt::evalCommand(const Executable &executable,
                           const Arguments &arguments) {
  Flags flags(executable.name + " eval",
              "Prints the mean loss over given text as one JSON line. In a run"
              " folder, weights and data default to the run's.");
  EvalFlags eval;
  flags.text("weights", eval.weights, "folder with model.safetensors");
  eval.data.add(flags, /*evaluation=*/true);
  flags.count("eval_tokens", eval.tokens, 1,
              "counted labels after which it ends", {"tokens"});
  addEvalMean(flags, eval.mean);
  flags.defaults(executable.program.flags);
  flags.toggle("per_document", eval.perDocument,
               "first a JSON line for each document (--packing pad)");
  eval.threads.add(flags);
  eval.device.add(flags);
  if (!flags.parse(arguments))
    return ExitDone;
  if (auto run = findOwnRun(executable))
    eval.takeFromRun(*run, flags);
  if (eval.weights.empty())
    badInput("--weights is required");
  if (eval.data.data.empty())
    badInput("--data is required");

  EvaluationOptions options;
  options.files = expandGlob("--data", eval.data.data);
  if (eval.data.tokenizer.empty() && !isTokenized(options.files))
    eval.data.tokenizer = tokenizerOf(eval.weights);
  auto tokenizer = openTokenizer(eval.data.tokenizer, executable.program);
  options.tokenizer = tokenizer.get();
  options.rows = eval.data.rowOptions(executable.program);
  options.tokens = eval.tokens;
  options.mean = evalMeanOf(eval.mean);
  if (eval.perDocument && options.rows.packing != Packing::Pad)
    badInput("--per_document needs --packing pad: rows of concat hold parts of"
             " several documents");

  catchStopSignals();
  Model model(executable.program, executable.code(), eval.device.resolve(flags),
              eval.threads.resolve());
  naming("--weights", [&] { model.load(eval.weights); });
  model.prepare();
  if (eval.perDocument)
    printDocuments(model, options);
  Evaluation result = evaluate(model, options, stopRequested);
  if (result.stopped)
    return ExitStopped;
  ordered_json line = {{"eval_loss", result.loss},
                       {"eval_perplexity", std::exp(result.loss)},
                       {"eval_tokens", result.tokens},
                       {"eval_id", result.id}};
  std::printf("%s\n", line.dump().c_str());
  return ExitDone;
}
