//===- Train.cpp ----------------------------------------------------------===//

#include "train/Train.h"
#include "checkpoint/ModelFolder.h"
#include "data/Files.h"
#include "data/Loader.h"
#include "replay/Replay.h"
#include "support/Errors.h"
#include "train/Progress.h"
#include "train/Signals.h"

#include <chrono>
#include <cmath>
#include <unistd.h>

using namespace mixln::rt;

namespace {

class Trainer {
public:
  Trainer(Model &model, const TrainOptions &options, const RunFolder &folder)
      : model(model), options(options), folder(folder),
        progress(options.schedule.steps, isatty(STDERR_FILENO)) {}

  int run();

private:
  int loop(Loader &loader, MetricsFile &metrics);
  bool update(const UpdateBatch &batch, MetricsFile &metrics);
  void evaluateNow(MetricsFile &metrics);
  void save();
  void writeRunJson();
  [[noreturn]] void notFinite(const UpdateBatch &batch, const char *what,
                              int64_t step);

  Model &model;
  const TrainOptions &options;
  const RunFolder &folder;
  Progress progress;
  int64_t done = 0; ///< updates applied
  int64_t tokens = 0;
  int64_t savedAt = -1;
  int64_t evaluatedAt = -1;
};

} // namespace

void Trainer::save() {
  if (savedAt == done)
    return;
  writeModelFolder(folder.checkpoint(done), model.program(), model.device(),
                   options.tokenizer ? options.tokenizer->path() : "");
  savedAt = done;
  progress.line("saved " + folder.checkpoint(done));
}

void Trainer::evaluateNow(MetricsFile &metrics) {
  if (!options.evaluation || evaluatedAt == done)
    return;
  Evaluation result = evaluate(model, *options.evaluation, stopRequested);
  if (result.stopped)
    return;
  evaluatedAt = done;
  metrics.write(done, result);
  char text[120];
  std::snprintf(text, sizeof text,
                "step %lld  eval loss %.4f  perplexity %.2f  tokens %lld",
                static_cast<long long>(done), result.loss,
                std::exp(result.loss), static_cast<long long>(result.tokens));
  progress.line(text);
}

void Trainer::writeRunJson() {
  std::map<std::string, std::string> hashes;
  hashes["data"] = dataFingerprint(options.files);
  if (options.evaluation)
    hashes["eval_data"] = dataFingerprint(options.evaluation->files);
  if (options.tokenizer)
    hashes["tokenizer"] = options.tokenizer->hash();
  folder.writeRunJson(model.program(), options.flags, hashes, model.threads());
}

void Trainer::notFinite(const UpdateBatch &batch, const char *what,
                        int64_t step) {
  std::string path =
      folder.file("not_finite_" + std::to_string(step) + ".safetensors");
  writeBatch(path, batch, model.program().seqLen);
  progress.finish();
  runFailed("the ", what, " of update ", step,
            " is not finite; its batch is in ", path,
            " for EXE replay, the last checkpoint in ",
            savedAt >= 0 ? folder.checkpoint(savedAt) : std::string("none"));
}

/// False when a signal came before the update was applied.
bool Trainer::update(const UpdateBatch &batch, MetricsFile &metrics) {
  auto start = std::chrono::steady_clock::now();
  StepMetrics step;
  step.step = done + 1;
  step.lr = options.lr * options.schedule.factor(step.step);
  step.loss =
      accumulateGradients(model, batch, options.normalization, stopRequested);
  if (stopRequested())
    return false;
  if (!std::isfinite(step.loss)) {
    // The weights are still whole: together with the batch they show it again.
    save();
    notFinite(batch, "loss", step.step);
  }
  step.gradNorm = applyUpdate(model, options.optimizer, step.step, step.lr);
  ++done;
  tokens += batch.counted;
  step.tokens = tokens;
  step.epoch = batch.epoch;
  step.stepSeconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
          .count();
  step.tokensPerSecond = double(batch.ids.size()) / step.stepSeconds;
  metrics.write(step);
  progress.step(step);
  if (!std::isfinite(step.gradNorm))
    notFinite(batch, "gradient norm", step.step);
  return true;
}

int Trainer::loop(Loader &loader, MetricsFile &metrics) {
  while (done < options.schedule.steps && !stopRequested()) {
    std::unique_ptr<UpdateBatch> batch = loader.next();
    if (!batch) {
      progress.finish();
      if (done > 0)
        save();
      runFailed("the data ended after ", done, " of ", options.schedule.steps,
                " updates, and --max_epochs ", options.maxEpochs,
                " forbids another epoch");
    }
    if (!update(*batch, metrics))
      break;
    if (options.evalEvery > 0 && done % options.evalEvery == 0)
      evaluateNow(metrics);
    if (options.saveEvery > 0 && done % options.saveEvery == 0)
      save();
  }
  if (const char *signal = stopSignal()) {
    progress.line(cat("stopped by ", signal, " after update ", done));
    save();
    return ExitStopped;
  }
  evaluateNow(metrics);
  save();
  if (const char *signal = stopSignal()) {
    progress.line(cat("evaluation ended by ", signal));
    return ExitStopped;
  }
  return ExitDone;
}

int Trainer::run() {
  if (options.schedule.steps == 0) {
    writeRunJson();
    save();
    return ExitDone;
  }
  const Program &program = model.program();
  RowStream rows(openRows(options.files, options.tokenizer, options.rows),
                 options.maxEpochs);
  Loader loader(std::move(rows), {.rows = options.totalBatchSize,
                                  .microRows = program.batchSize,
                                  .length = program.seqLen,
                                  .vocabSize = program.vocabSize});
  // The first rows show whether the data can be read at all: before that
  // nothing is left behind in the folder.
  loader.waitUntilReady();
  writeRunJson();
  MetricsFile metrics(folder.metrics());
  try {
    int status = loop(loader, metrics);
    progress.finish();
    return status;
  } catch (const InputError &) {
    progress.finish();
    // Data that turn out to be damaged later cost no update.
    if (done > 0)
      save();
    throw;
  }
}

int mixln::rt::train(Model &model, const TrainOptions &options,
                     const RunFolder &folder) {
  return Trainer(model, options, folder).run();
}
