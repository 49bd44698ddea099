//===- Train.cpp ----------------------------------------------------------===//

#include "train/Train.h"
#include "checkpoint/ModelFolder.h"
#include "checkpoint/WeightFiles.h"
#include "data/Files.h"
#include "data/Loader.h"
#include "device/Ceilings.h"
#include "device/CpuFeatures.h"
#include "layers/Measurements.h"
#include "replay/Replay.h"
#include "support/Errors.h"
#include "support/Hash.h"
#include "train/EventFile.h"
#include "train/NotFinite.h"
#include "train/Progress.h"
#include "train/Signals.h"
#include "train/UpdateProfiler.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <unistd.h>

using namespace mixln::rt;

using Clock = std::chrono::steady_clock;

static double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

namespace {

class Trainer {
public:
  Trainer(Model &model, const TrainOptions &options, const RunFolder &folder)
      : model(model), options(options), folder(folder),
        progress(options.schedule.steps, isatty(STDERR_FILENO)) {
    state.flags = options.flags;
    state.executable = executableHash();
  }

  int run();

private:
  /// The open files of a run.
  struct Outputs {
    MetricsFile metrics;
    EventFile events;
    std::optional<MetricsFile> layers = {}; ///< with --log_layers_every
  };

  int runThrough();
  void goOn();
  void compareHashes() const;
  void identify();
  std::string keyOfData(const std::string &tokenizer) const;
  int loop(Loader *loader, Outputs &outputs);
  bool update(const UpdateBatch &batch, Outputs &outputs);
  nlohmann::ordered_json describeLayers(int64_t step);
  void evaluateNow(Outputs &outputs);
  template <typename Read> auto readOrSave(Outputs &outputs, const Read &read);
  void save(Outputs *outputs);
  void begin();
  void measurePeak();
  void reportProfile();
  void reportWaiting(const Loader &loader);
  [[noreturn]] void notFinite(const UpdateBatch &batch, const char *what,
                              Outputs &outputs);

  Model &model;
  const TrainOptions &options;
  const RunFolder &folder;
  Progress progress;
  std::unique_ptr<UpdateProfiler> profiler;
  TrainingState state;
  std::string formerDataKey; ///< what older versions wrote for the same data
  std::map<std::string, std::string> hashes;
  std::vector<std::string> changed;
  Clock::time_point loopStart;
  double peak = 0;  ///< operations a second
  int64_t done = 0; ///< updates of this process
  int64_t savedAt = -1;
  int64_t evaluatedAt = -1;
};

} // namespace

//===----------------------------------------------------------------------===//
// Beginning
//===----------------------------------------------------------------------===//

void Trainer::identify() {
  if (!state.executable.empty())
    hashes["executable"] = state.executable;
  if (!options.weights.empty())
    hashes["weights"] = dataFingerprint(weightFiles(options.weights));
  if (options.tokenizer)
    hashes["tokenizer"] = options.tokenizer->hash();
  if (options.evaluation)
    hashes["eval_data"] = dataFingerprint(options.evaluation->files);
  if (options.files.empty())
    return;
  hashes["data"] = dataFingerprint(options.files);
  std::string tokenizer = options.tokenizer ? options.tokenizer->hash() : "";
  formerDataKey = keyOfData(tokenizer);
  // Rows of ids are the same with any tokenizer.
  state.dataKey = isTokenized(options.files) ? keyOfData("") : formerDataKey;
}

std::string Trainer::keyOfData(const std::string &tokenizer) const {
  const RowOptions &rows = options.rows;
  const StreamOptions &stream = options.stream;
  std::string key =
      cat(hashes.at("data"), " ", tokenizer, " ", rows.length, " ",
          rows.packing == Packing::Pad ? "pad" : "concat", " ", rows.rawBits);
  if (rows.format == DataFormat::Chat)
    key += " chat";
  if (stream.shuffle)
    key += cat(" ", stream.seed, " ", stream.window);
  return hexHash(hashBytes(key.data(), key.size()));
}

/// A run that repeats another one gives the same bits where these are equal.
void Trainer::compareHashes() const {
  for (auto &[what, recorded] : options.expectedHashes) {
    auto found = hashes.find(what);
    std::string now = found == hashes.end() ? "none" : found->second;
    std::string before = recorded.empty() ? "none" : recorded;
    if (now != before)
      note(cat("differs from the run that is repeated: the hash of ", what,
               " was ", before, ", is ", now));
  }
}

/// Takes over the state of the checkpoint that the model was loaded from.
void Trainer::goOn() {
  const TrainingState &from = *options.from;
  state.step = from.step;
  state.applied = from.applied;
  state.tokens = from.tokens;
  state.spikes = from.spikes;
  note(cat("continues ", options.checkpoint, " after update ", from.step));
  changed = changedFlags(from.flags, options.flags);
  for (const std::string &change : changed)
    note("changed: " + change);
  if (!from.executable.empty() && from.executable != state.executable)
    note("another executable wrote the checkpoint: bits may differ");
  if (from.dataKey == state.dataKey || from.dataKey == formerDataKey)
    state.data = from.data;
  else if (from.step > 0 && !state.dataKey.empty())
    note("other data, or another order of them, than the checkpoint's: they "
         "are read from their beginning");
  if (options.resume)
    savedAt = state.step;
}

/// Writes what a run folder holds besides metrics and checkpoints.
void Trainer::begin() {
  RunFolder::Resumption resumption{state.step, options.checkpoint, changed};
  // So much is read within a second or two; more has its fingerprint alone.
  constexpr uint64_t kHashed = uint64_t(1) << 30;
  folder.writeRunJson(model.program(), options.flags, hashes,
                      hashWholeFiles(options.files, kHashed), model.threads(),
                      options.from ? &resumption : nullptr);
  folder.drawMemory(model.program());
  folder.copyTools(options.tokenizer);
}

//===----------------------------------------------------------------------===//
// Checkpoints, evaluations, failures
//===----------------------------------------------------------------------===//

void Trainer::save(Outputs *outputs) {
  if (savedAt == state.step)
    return;
  if (outputs)
    outputs->metrics.sync();
  if (outputs && outputs->layers)
    outputs->layers->sync();
  std::string path = folder.checkpoint(state.step);
  writeModelFolder(path, model.program(), model.device(), options.tokenizer,
                   state.toJson());
  savedAt = state.step;
  progress.line("saved " + path);
  folder.prune(options.keepLast, state.step, options.saveAt);
}

/// Rows that cannot be read, because their file is damaged or the system has
/// nothing left for them, cost no update.
template <typename Read>
auto Trainer::readOrSave(Outputs &outputs, const Read &read) {
  try {
    return read();
  } catch (const std::exception &) {
    progress.finish();
    try {
      if (state.step > 0)
        save(&outputs);
    } catch (const std::exception &second) {
      note(cat("error: ", second.what()));
    }
    throw;
  }
}

void Trainer::evaluateNow(Outputs &outputs) {
  if (!options.evaluation || evaluatedAt == state.step)
    return;
  Evaluation result = readOrSave(outputs, [&] {
    return evaluate(model, *options.evaluation, stopRequested);
  });
  if (result.stopped)
    return;
  evaluatedAt = state.step;
  outputs.metrics.write(state.step, result);
  outputs.metrics.sync();
  outputs.events.write(
      state.step,
      {{"eval/loss", result.loss}, {"eval/perplexity", std::exp(result.loss)}});
  char text[120];
  std::snprintf(text, sizeof text,
                "step %lld  eval loss %.4f  perplexity %.2f  tokens %lld",
                static_cast<long long>(state.step), result.loss,
                std::exp(result.loss), static_cast<long long>(result.tokens));
  progress.line(text);
}

void Trainer::notFinite(const UpdateBatch &batch, const char *what,
                        Outputs &outputs) {
  int64_t step = state.step + 1;
  std::string path =
      folder.file("not_finite_" + std::to_string(step) + ".safetensors");
  writeBatch(path, batch, model.program().seqLen);
  // The weights are still whole: together with the batch they show it again.
  bool whole = std::string(what) == "loss" || model.updateHasTwoParts();
  if (whole)
    save(&outputs);
  std::string first = whole ? firstNotFinite(model, batch) : "";
  progress.finish();
  std::string checkpoint = folder.newestCheckpoint();
  runFailed("the ", what, " of update ", step, " is not finite; ",
            first.empty() ? "" : "the first place that is not: " + first + "; ",
            "replay its batch ", path, " with --weights ",
            checkpoint.empty() ? "none" : checkpoint,
            whole ? "" : " (the weights of the update itself are lost)");
}

//===----------------------------------------------------------------------===//
// The loop
//===----------------------------------------------------------------------===//

/// Before the update: weights and gradients are those of update `step`.
nlohmann::ordered_json Trainer::describeLayers(int64_t step) {
  model.run("gradient_norms");
  nlohmann::ordered_json line = {
      {"step", step},
      {"gradient_norm", model.read("layer_grad_norm")},
      {"stream_rms", model.read("stream_rms")}};
  addMeasurements(readMeasurements(model, MeasuredBy::Step), line);
  addMeasurements(measureNow(model, MeasuredBy::Parameters), line);
  return line;
}

/// False when a signal came before the update was applied.
bool Trainer::update(const UpdateBatch &batch, Outputs &outputs) {
  auto start = Clock::now();
  StepMetrics step;
  step.step = state.step + 1;
  step.lr = options.lr * options.schedule.factor(step.step);
  ZLoss zLoss{options.zLoss};
  bool logged = options.logLayersEvery > 0 &&
                (step.step == 1 || step.step % options.logLayersEvery == 0);
  step.loss = accumulateGradients(model, batch, options.normalization,
                                  stopRequested, &zLoss, logged);
  if (options.zLoss > 0)
    step.zLoss = zLoss.value;
  if (stopRequested())
    return false;
  if (!std::isfinite(step.loss))
    notFinite(batch, "loss", outputs);
  // `update` keeps values in memory that other entries share.
  nlohmann::ordered_json layers;
  if (logged)
    layers = describeLayers(step.step);
  step.gradNorm =
      beginUpdate(model, options.optimizer, state.applied + 1, step.lr);
  if (!std::isfinite(step.gradNorm))
    notFinite(batch, "gradient norm", outputs);
  if (options.spikeZscore > 0)
    step.skipped =
        state.spikes.check(step.loss, step.gradNorm, options.spikeZscore);
  if (!step.skipped) {
    model.finishUpdate();
    ++state.applied;
    if (logged)
      addMeasurements(measureNow(model, MeasuredBy::Updates), layers);
  }
  if (logged)
    outputs.layers->writeLine(layers.dump());
  ++state.step;
  state.tokens += batch.counted;
  state.data = batch.after;
  step.tokens = state.tokens;
  step.epoch = batch.epoch;
  step.stepSeconds = secondsSince(start);
  step.tokensPerSecond = double(batch.ids.size()) / step.stepSeconds;
  outputs.metrics.write(step);
  outputs.events.write(step.step,
                       {{"train/loss", step.loss},
                        {"train/grad_norm", step.gradNorm},
                        {"train/lr", step.lr},
                        {"train/tokens", double(step.tokens)},
                        {"speed/tokens_per_second", step.tokensPerSecond}});
  if (step.skipped)
    progress.line(cat("step ", step.step, "  skipped: its ", step.skipped,
                      " is an outlier (loss ", step.loss, ", grad_norm ",
                      step.gradNorm, ")"));
  double rate = step.tokensPerSecond * model.program().flopsPerToken;
  // Often at first, then rarely; and no update is faster than the peak.
  ++done;
  if (std::has_single_bit(static_cast<uint64_t>(done)) || rate > peak)
    measurePeak();
  progress.step(step, peak > 0 ? rate / peak : 0);
  return true;
}

int Trainer::loop(Loader *loader, Outputs &outputs) {
  // An evaluation that was due when the run was stopped.
  if (options.evalEvery > 0 && state.step > 0 &&
      state.step % options.evalEvery == 0)
    evaluateNow(outputs);
  while (state.step < options.schedule.steps && !stopRequested()) {
    std::unique_ptr<UpdateBatch> batch =
        readOrSave(outputs, [&] { return loader->next(stopRequested); });
    if (stopRequested())
      break;
    if (!batch) {
      progress.finish();
      if (state.step > 0)
        save(&outputs);
      runFailed("the data ended after ", state.step, " of ",
                options.schedule.steps, " updates, and --max_epochs ",
                options.stream.maxEpochs, " forbids another epoch");
    }
    if (profiler)
      profiler->beginUpdate();
    if (!update(*batch, outputs))
      break;
    if (profiler)
      profiler->endUpdate();
    // Saved first: an evaluation takes long, and a run that is killed in it
    // makes it when it goes on.
    if ((options.saveEvery > 0 && state.step % options.saveEvery == 0) ||
        options.saveAt.contains(state.step))
      save(&outputs);
    if (options.evalEvery > 0 && state.step % options.evalEvery == 0)
      evaluateNow(outputs);
  }
  save(&outputs);
  if (!stopRequested())
    evaluateNow(outputs);
  if (const char *signal = stopSignal()) {
    progress.line(cat("stopped by ", signal, " after update ", state.step,
                      "; --resume continues"));
    return ExitStopped;
  }
  return ExitDone;
}

void Trainer::reportWaiting(const Loader &loader) {
  double total = secondsSince(loopStart);
  if (total <= 0)
    return;
  char text[80];
  std::snprintf(text, sizeof text,
                "%.2f %% of the time was spent waiting for"
                " data",
                100 * loader.waitedSeconds() / total);
  note(text);
}

/// Of the arithmetic that the program's matmuls are made of; of a GPU it is not
/// known. A moment in which others use the CPU says too little, so the best of
/// several counts.
void Trainer::measurePeak() {
  constexpr double kSeconds = 0.002;
  if (model.program().target != "cpu")
    return;
  Rate now = usesDotProducts(model.program())
                 ? measureDot(model.threadPool(), kSeconds)
                 : measureFma(model.threadPool(), kSeconds);
  peak = std::max(peak, now.best);
}

void Trainer::reportProfile() {
  std::string table = profiler->write(folder.name());
  std::fputs(table.c_str(), stderr);
  note(cat("where each kernel's time went: ", folder.file("profile.json"),
           "; for ui.perfetto.dev: ", folder.file("trace.json")));
}

int Trainer::run() {
  try {
    return runThrough();
  } catch (const WriteError &error) {
    progress.finish();
    std::string last = folder.newestCheckpoint();
    runFailed(error.what(), "; ",
              last.empty() ? "no checkpoint is whole"
                           : "the last whole checkpoint is " + last +
                                 ", --resume continues from it");
  }
}

int Trainer::runThrough() {
  identify();
  compareHashes();
  if (options.from)
    goOn();
  if (options.schedule.steps == 0) {
    begin();
    save(nullptr);
    return ExitDone;
  }
  const Program &program = model.program();
  std::unique_ptr<Loader> loader;
  if (state.step < options.schedule.steps) {
    RowStream rows(openRows(options.files, options.tokenizer, options.rows),
                   options.stream, state.data);
    loader = std::make_unique<Loader>(
        std::move(rows), Loader::Options{.rows = options.totalBatchSize,
                                         .microRows = program.batchSize,
                                         .length = program.seqLen,
                                         .vocabSize = program.vocabSize});
    // The first rows show whether the data can be read at all: before that
    // nothing is left behind in the folder, and nothing of a run is touched.
    loader->waitUntilReady(stopRequested);
    measurePeak();
    if (options.profile)
      profiler = std::make_unique<UpdateProfiler>(model);
  } else {
    note(cat("update ", state.step, " of ", options.schedule.steps,
             " is done already"));
  }
  begin();
  Outputs outputs{{folder.metrics(), state.step}, {folder.name(), state.step}};
  if (options.logLayersEvery > 0)
    outputs.layers.emplace(folder.file("layers.jsonl"), state.step);
  evaluatedAt = outputs.metrics.evaluatedAt();
  loopStart = Clock::now();
  int status = loop(loader.get(), outputs);
  progress.finish();
  if (loader)
    reportWaiting(*loader);
  if (profiler)
    reportProfile();
  return status;
}

int mixln::rt::train(Model &model, const TrainOptions &options,
                     const RunFolder &folder) {
  return Trainer(model, options, folder).run();
}
