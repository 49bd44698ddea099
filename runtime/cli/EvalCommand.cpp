//===- EvalCommand.cpp ----------------------------------------------------===//

#include "cli/SharedFlags.h"
#include "data/Files.h"
#include "eval/Evaluate.h"
#include "support/Errors.h"
#include "train/Signals.h"

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

using namespace mixln::rt;
namespace fs = std::filesystem;

/// A checkpoint carries its tokenizer; the only *.model file in it.
static std::string tokenizerOf(const std::string &weights) {
  std::string found;
  std::error_code error;
  for (const auto &entry : fs::directory_iterator(weights, error))
    if (entry.path().extension() == ".model") {
      if (!found.empty())
        return "";
      found = entry.path().string();
    }
  return found;
}

int mixln::rt::evalCommand(const Executable &executable,
                           const Arguments &arguments) {
  Flags flags(executable.name + " eval",
              "Prints the mean loss over given text as one JSON line.");
  std::string weights;
  DataFlags data;
  ThreadFlags threads;
  int64_t tokens = 10'000'000;
  flags.text("weights", weights, "folder with model.safetensors");
  data.add(flags, /*evaluation=*/true);
  flags.count("eval_tokens", tokens, 1, "counted labels after which it ends",
              {"tokens"});
  threads.add(flags);
  if (!flags.parse(arguments))
    return ExitDone;
  if (weights.empty())
    badInput("--weights is required");
  if (data.data.empty())
    badInput("--data is required");

  EvaluationOptions options;
  options.files = expandGlob("--data", data.data);
  if (data.tokenizer.empty() && !isTokenized(options.files))
    data.tokenizer = tokenizerOf(weights);
  auto tokenizer = openTokenizer(data.tokenizer, executable.program);
  options.tokenizer = tokenizer.get();
  options.rows = data.rowOptions(executable.program);
  options.tokens = tokens;

  catchStopSignals();
  Model model(executable.program, executable.kernels, executable.kernelCount,
              threads.resolve());
  model.load(weights);
  model.prepare();
  Evaluation result = evaluate(model, options, stopRequested);
  if (result.stopped)
    return ExitStopped;
  nlohmann::ordered_json line = {{"eval_loss", result.loss},
                                 {"eval_perplexity", std::exp(result.loss)},
                                 {"eval_tokens", result.tokens},
                                 {"eval_id", result.id}};
  std::printf("%s\n", line.dump().c_str());
  return ExitDone;
}
