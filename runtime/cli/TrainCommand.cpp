//===- TrainCommand.cpp - Flags of `train` --------------------------------===//

#include "checkpoint/ModelFolder.h"
#include "cli/OwnRun.h"
#include "cli/ResolveFlags.h"
#include "cli/SharedFlags.h"
#include "data/Files.h"
#include "device/ThreadPool.h"
#include "support/Errors.h"
#include "train/RunFolder.h"
#include "train/Signals.h"
#include "train/Train.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <limits>

using namespace mixln::rt;
namespace fs = std::filesystem;

namespace {

struct TrainFlags {
  Flags flags;
  const Program &program;
  DataFlags data;
  StreamFlags stream;
  ThreadFlags threads;
  DeviceFlags device;
  OptimizerFlags optimizer;
  TrainOptions options;

  std::string rerun;
  std::string saveDir, weights, continueFrom, scheduler = "cosine",
                                              normalization = "total";
  std::string evalData, evalPacking = "pad", evalMean = "total", dtype;
  int64_t batchSize = 0, totalBatchSize = 0, accumulation = 0, seqLen = 0;
  int64_t seed = 0, maxTrainTokens = 0, evalEvery = 2000, logLayersEvery = 0;
  int64_t evalTokens = 10'000'000, saveEvery = 10000;
  std::string saveAt;
  bool resume = false;
  std::map<std::string, double> initStd;
  std::string runName, name, tags;

  explicit TrainFlags(const Executable &executable);
  void check();
  void findFiles();
  void resolveBatch();
  void resolveSteps();
  void resolveEvaluation(const Tokenizer *tokenizer);

private:
  void addRunFlags();
  void addScheduleFlags();
  void addForeignFlags();
};

} // namespace

TrainFlags::TrainFlags(const Executable &executable)
    : flags(executable.name + " train", "Trains the model."),
      program(executable.program) {
  batchSize = program.batchSize;
  seqLen = program.seqLen;
  dtype = program.dtype;
  options.schedule.warmupSteps = 1000;
  data.add(flags);
  stream.add(flags);
  addRunFlags();
  addScheduleFlags();
  optimizer.add(flags);
  threads.add(flags);
  device.add(flags);
  addForeignFlags();
  std::map<std::string, std::string> defaults = program.flags;
  defaults.erase("dtype"); // was compiled
  flags.defaults(defaults);
}

void TrainFlags::addRunFlags() {
  flags.text("save_dir", saveDir, "folder of the run");
  flags.text("weights", weights,
             "start from these weights; folder with model.safetensors");
  flags.toggle("resume", resume,
               "continue the run in --save_dir from its newest checkpoint, or"
               " begin it");
  flags.text("continue_from", continueFrom,
             "go on from a checkpoint, or the newest of a run, in a new"
             " --save_dir");
  flags.text("rerun", rerun,
             "repeat the run in this folder, with its flags, in a new"
             " --save_dir; default: beside it");
  flags.count("batch_size", batchSize, 1,
              "rows of a micro-batch; fixed at compile time");
  flags.count("total_batch_size", totalBatchSize, 1, "rows of an update");
  flags.count("gradient_accumulation", accumulation, 1,
              "micro-batches of an update");
  flags.count("seq_len", seqLen, 2, "T; fixed at compile time", {"max_length"});
  flags.text("dtype", dtype, "fixed at compile time");
  flags.choice("loss_normalization", normalization, {"total", "micro_batch"},
               "mean over the labels of the total batch, or of each"
               " micro-batch");
  flags.count("seed", seed, 0, "of the initial values");
  flags.table("init_std", initStd, parameterClasses(),
              "standard deviations of initial values by parameter class");
  flags.text("eval_data", evalData, "text to evaluate on; a quoted pattern");
  flags.choice("eval_packing", evalPacking, {"pad", "concat"},
               "packing of --eval_data");
  addEvalMean(flags, evalMean);
  flags.count("log_layers_every", logLayersEvery, 0,
              "updates between lines of SAVE_DIR/layers.jsonl, which measure "
              "every layer (0: none)");
  flags.count("eval_every", evalEvery, 0,
              "updates between evaluations; 0 = at the end only");
  flags.count("eval_tokens", evalTokens, 1, "counted labels of an evaluation");
  flags.count("save_every", saveEvery, 0,
              "updates between checkpoints; 0 = at the end only");
  flags.text("save_at", saveAt,
             "also save after these updates, 1,2,4,8; a last ,... goes on: "
             "1,2,4,... and 1,2,... multiply, 100,200,300,... and 10,15,... "
             "add; --keep_last leaves them alone");
  flags.count("keep_last", options.keepLast, 0, "checkpoints to keep; 0 = all");
  flags.number("spike_zscore", options.spikeZscore, 0,
               std::numeric_limits<double>::infinity(),
               "skip updates whose loss or gradient norm lies this many"
               " standard deviations above the last ones; 0 = off");
  flags.toggle("profile", options.profile,
               "print at the end where the time went; profile.json and "
               "trace.json in --save_dir");
  flags.text("run_name", runName, "recorded in run.json");
  flags.text("name", name, "recorded in run.json");
  flags.text("tags", tags, "recorded in run.json");
}

void TrainFlags::addScheduleFlags() {
  Schedule &schedule = options.schedule;
  flags.number("lr", options.lr, 0, std::numeric_limits<double>::infinity(),
               "peak learning rate", {"learning_rate"});
  flags.count("num_training_steps", schedule.steps, 0,
              "updates; 0 writes the initial checkpoint",
              {"steps", "max_steps"});
  flags.count("max_train_tokens", maxTrainTokens, 1,
              "positions to train on, instead of --num_training_steps");
  flags.count("warmup_steps", schedule.warmupSteps, 0,
              "updates of the linear warm-up");
  flags.choice("scheduler", scheduler,
               {"cosine", "linear", "cosine_restarts", "wsd", "constant"},
               "curve of the learning rate");
  flags.number("min_lr_ratio", schedule.minRatio, 0, 1,
               "floor of the learning rate, as a share of the peak");
  flags.count("cycle_length", schedule.cycleLength, 0,
              "updates of a cycle of cosine and cosine_restarts; 0 = all",
              {"restart_every"});
  flags.count("restart_warmup_steps", schedule.restartWarmupSteps, 0,
              "warm-up after each restart");
  flags.count("decay_steps", schedule.decaySteps, 0,
              "updates of wsd's decay; default: a tenth of all");
}

void TrainFlags::addForeignFlags() {
  flags.ignored("single_gpu", false, "one process runs one executable");
  flags.ignored("use_hf_model", false, "the model is compiled");
  flags.ignored("activation_checkpointing", false,
                "memory was planned at compile time");
  for (const char *galore :
       {"rank", "update_proj_gap", "galore_scale", "proj_type"})
    flags.refused(galore, "belongs to GaLore, which is not supported yet");
  for (const char *compiled : {"model_config", "norm", "norm_type", "post_num",
                               "norm_kind", "mcpu", "target"})
    flags.refused(compiled, "is fixed at compile time (this executable: norm " +
                                program.norm + ", " + program.target + ")");
}

void TrainFlags::resolveBatch() {
  if (batchSize != program.batchSize)
    badInput("--batch_size is ", batchSize,
             ", this executable was compiled for ", program.batchSize);
  if (seqLen != program.seqLen)
    badInput("--seq_len is ", seqLen, ", this executable was compiled for ",
             program.seqLen);
  auto shortName = [](const std::string &type) {
    return type == "float32"    ? std::string("fp32")
           : type == "bfloat16" ? std::string("bf16")
                                : type;
  };
  if (shortName(dtype) != shortName(program.dtype))
    badInput("--dtype is ", dtype, ", this executable was compiled for ",
             program.dtype);
  for (auto [name, value] :
       {std::pair("--total_batch_size", totalBatchSize),
        std::pair("--gradient_accumulation", accumulation)})
    if (value > kMostRows)
      badInput(name, " is ", value, ", expected at most ", kMostRows);
  if (totalBatchSize == 0)
    totalBatchSize = batchSize * std::max<int64_t>(accumulation, 1);
  if (totalBatchSize % batchSize != 0)
    badInput("--total_batch_size ", totalBatchSize,
             " is not a multiple of --batch_size ", batchSize);
  if (accumulation != 0 && accumulation * batchSize != totalBatchSize)
    badInput("--gradient_accumulation ", accumulation, " times --batch_size ",
             batchSize, " is not --total_batch_size ", totalBatchSize);
  accumulation = totalBatchSize / batchSize;
  options.totalBatchSize = totalBatchSize;
}

void TrainFlags::resolveSteps() {
  Schedule &schedule = options.schedule;
  if (maxTrainTokens != 0) {
    if (flags.given("num_training_steps"))
      badInput("--max_train_tokens and --num_training_steps exclude each"
               " other");
    int64_t perUpdate = totalBatchSize * program.seqLen;
    schedule.steps = (maxTrainTokens + perUpdate - 1) / perUpdate;
  }
  schedule.kind = scheduleKind(scheduler);
  if (schedule.kind == ScheduleKind::Wsd && !flags.given("decay_steps"))
    schedule.decaySteps = schedule.steps / 10;
  schedule.check();
  if (schedule.steps > 0 && schedule.warmupSteps >= schedule.steps)
    note(cat("the warm-up of ", schedule.warmupSteps,
             " updates does not end within ", schedule.steps));
}

void TrainFlags::resolveEvaluation(const Tokenizer *tokenizer) {
  options.evalEvery = evalEvery;
  options.logLayersEvery = logLayersEvery;
  if (evalData.empty())
    return;
  EvaluationOptions evaluation;
  evaluation.files = expandGlob("--eval_data", evalData);
  evaluation.tokenizer = tokenizer;
  evaluation.rows = options.rows;
  evaluation.rows.packing = packingOf(evalPacking);
  evaluation.rows.packingFlag = "--eval_packing";
  evaluation.tokens = evalTokens;
  evaluation.mean = evalMeanOf(evalMean);
  naming("--eval_data", [&] {
    if (!needRaw(evaluation.files))
      evaluation.rows.rawBits = 0; // --raw is about the training's files alone
    openRows(evaluation.files, tokenizer, evaluation.rows);
  });
  options.evaluation = std::move(evaluation);
}

/// The update after the given ones: in equal steps where the last three are so,
/// or where the last is no multiple of the one before it (10,15); else by their
/// ratio (1,2,4). Of two numbers that could be meant in both ways (100,200) it
/// is said which way was taken.
static std::function<int64_t(int64_t)>
continuation(const std::string &text, const std::vector<int64_t> &updates) {
  int64_t last = updates.back(), before = updates[updates.size() - 2];
  int64_t step = last - before, ratio = last / before;
  bool adds =
      last % before != 0 ||
      (updates.size() > 2 && before - updates[updates.size() - 3] == step);
  if (adds)
    return [=](int64_t update) { return update + step; };
  if (updates.size() == 2)
    note(cat("--save_at ", text, " goes on with ", last * ratio, "; with ",
             before, ",", last, ",", last + step, ",... it adds"));
  return [=](int64_t update) { return update * ratio; };
}

/// The updates of --save_at.
static std::set<int64_t> updatesOf(const std::string &text, int64_t steps) {
  std::vector<int64_t> updates;
  std::string rest = text;
  while (!rest.empty()) {
    size_t comma = std::min(rest.find(','), rest.size());
    std::string word = rest.substr(0, comma);
    rest.erase(0, comma + 1);
    if (word == "..." && rest.empty() && updates.size() > 1) {
      auto next = continuation(text, updates);
      while (updates.back() < steps)
        updates.push_back(next(updates.back()));
      break;
    }
    int64_t update = 0;
    if (!parseCount(word, update) || update < 1 ||
        (!updates.empty() && update <= updates.back()))
      badInput("--save_at has '", word, "' in ", text,
               ", expected growing numbers of updates, 1,2,4,8 or 1,2,4,...");
    updates.push_back(update);
  }
  return {updates.begin(), updates.end()};
}

void TrainFlags::check() {
  if (saveDir.empty())
    badInput("--save_dir is required");
  while (saveDir.size() > 1 && saveDir.back() == '/')
    saveDir.pop_back();
  resolveBatch();
  resolveSteps();
  options.saveEvery = saveEvery;
  options.saveAt = updatesOf(saveAt, options.schedule.steps);
  options.weights = weights;
  options.optimizer = optimizer.resolve();
  options.zLoss = optimizer.zLoss;
  options.normalization = normalization == "total"
                              ? LossNormalization::Total
                              : LossNormalization::MicroBatch;
  options.rows = data.rowOptions(program);
  options.stream = stream.resolve();
  options.rows.workers = options.stream.workers;
  if (!continueFrom.empty() && !weights.empty())
    badInput("--continue_from and --weights exclude each other: both say where"
             " weights come from");
  if (options.schedule.steps > 0 && data.data.empty())
    badInput("--data is required");
}

void TrainFlags::findFiles() {
  if (!data.data.empty())
    options.files = expandGlob("--data", data.data);
}

std::map<std::string, std::string>
mixln::rt::resolveTrainFlags(const Executable &executable,
                             const Arguments &arguments) {
  TrainFlags train(executable);
  if (!train.flags.parse(arguments))
    return {};
  train.check();
  return train.flags.resolved();
}

/// The checkpoint that the run goes on from, or empty.
static std::string findCheckpoint(const TrainFlags &train,
                                  const RunFolder &folder) {
  if (train.resume) {
    std::string newest = folder.newestCheckpoint();
    if (!newest.empty() || train.continueFrom.empty()) {
      if (newest.empty())
        note(cat("no whole checkpoint in ", train.saveDir, ": the run begins"));
      return newest;
    }
  }
  if (train.continueFrom.empty())
    return "";
  std::error_code error;
  if (!fs::is_directory(train.continueFrom, error))
    badInput("--continue_from ", train.continueFrom, " is not a folder");
  if (fs::exists(train.continueFrom + "/training_state.json", error))
    return train.continueFrom;
  std::string newest = newestCheckpointOf(train.continueFrom);
  if (newest.empty())
    badInput("--continue_from ", train.continueFrom,
             " has no training_state.json and no model_STEP with one;"
             " --weights takes weights alone");
  return newest;
}

static void setUp(Model &model, TrainFlags &train, const RunFolder &folder) {
  TrainOptions &options = train.options;
  options.checkpoint = findCheckpoint(train, folder);
  if (!options.checkpoint.empty()) {
    options.from = readTrainingState(options.checkpoint);
    checkSameModel(options.checkpoint, train.program,
                   "; --weights takes weights alone");
    model.load(options.checkpoint);
  } else if (!train.weights.empty()) {
    naming("--weights", [&] { model.load(train.weights); });
  } else {
    model.initialise(static_cast<uint64_t>(train.seed), train.initStd);
  }
  model.prepare();
  if (options.from)
    model.loadMoments(options.checkpoint);
  // Of the run in the folder, not of the one that it came from.
  options.resume = options.from && fs::path(options.checkpoint).parent_path() ==
                                       fs::path(train.saveDir);
}

/// What a placement's norm file says of itself, with the flags that follow.
static void noteDifferences(const TrainFlags &train) {
  const Program &program = train.program;
  std::map<std::string, std::string> held = train.flags.resolved();
  for (const std::string &line : program.differences)
    note(cat("norm ", program.norm, ": ", line));
  for (const std::string &line : program.notReproduced)
    note(cat("norm ", program.norm, " does not reproduce: ", line));
  for (auto &[name, value] : program.flags)
    if (held.count(name) && held[name] != value)
      note(cat("norm ", program.norm, " has --", name, " ", value,
               ", this run has ", held[name]));
}

static int trainWith(const Executable &executable, TrainFlags &train) {
  train.check();
  train.findFiles();
  auto tokenizer = openTokenizer(train.data.tokenizer, executable.program);
  train.options.tokenizer = tokenizer.get();
  if (tokenizer)
    checkTokenizerName(tokenizer->path());
  train.resolveEvaluation(tokenizer.get());
  RunFolder folder(train.saveDir, train.resume);
  int threads = train.threads.resolve();
  train.options.flags = train.flags.resolved();

  catchStopSignals();
  Model model(executable.program, executable.code(),
              train.device.resolve(train.flags), threads);
  setUp(model, train, folder);
  noteDifferences(train);
  note(cat(model.parameterCount(), " parameters, norm ",
           executable.program.norm, ", ", train.totalBatchSize, " rows of ",
           train.seqLen, " an update, ", train.threads.text));
  return mixln::rt::train(model, train.options, folder);
}

/// RUN-rerun, RUN-rerun-2, ...: the first that does not exist.
static std::string besideRun(std::string folder) {
  while (folder.size() > 1 && folder.back() == '/')
    folder.pop_back();
  std::error_code error;
  std::string name = folder + "-rerun";
  for (int i = 2; fs::exists(name, error); ++i)
    name = cat(folder, "-rerun-", i);
  return name;
}

/// The flags of a run as a command line, those that a fresh run has left out.
static Arguments argumentsOf(const OwnRun &run, const Executable &executable) {
  // Parsed, so that a placement's own flags are among what a fresh run has.
  TrainFlags unchanged(executable);
  unchanged.flags.parse({});
  std::map<std::string, std::string> fresh = unchanged.flags.resolved();
  Arguments arguments = {"--save_dir", besideRun(run.folder)};
  for (auto &[name, recorded] : run.flags) {
    if (name == "save_dir" || name == "resume" || name == "rerun")
      continue;
    auto found = fresh.find(name);
    if (found == fresh.end()) {
      note(cat("--", name, " ", recorded, " of ", run.folder,
               "/run.json is no flag of this executable"));
      continue;
    }
    // One of the two was computed from the other.
    bool derived = name == "num_training_steps" &&
                   !run.flag("max_train_tokens").empty() &&
                   run.flag("max_train_tokens") != "0";
    if (found->second == recorded || derived)
      continue;
    std::string value = recorded;
    if (name == "tokenizer")
      value = run.tokenizer();
    else if (name == "data" || name == "eval_data" || name == "weights" ||
             name == "continue_from")
      value = run.path(name);
    // Any number gives the same bits; more than there are CPUs is slow.
    int64_t threads;
    if (name == "threads" && parseCount(recorded, threads))
      value = std::to_string(std::min<int64_t>(threads, cpuBudget().usable()));
    arguments.push_back(cat("--", name, "=", value));
  }
  return arguments;
}

static Arguments repeat(const OwnRun &run, const Executable &executable,
                        const Arguments &arguments) {
  note("repeats " + run.folder);
  for (const std::string &change : run.changed)
    note(cat("a resumption of it changed ", change,
             "; the last value holds from the beginning"));
  Arguments all = argumentsOf(run, executable);
  all.insert(all.end(), arguments.begin(), arguments.end());
  return all;
}

int mixln::rt::trainCommand(const Executable &executable,
                            const Arguments &arguments) {
  TrainFlags given(executable);
  if (!given.flags.parse(arguments))
    return ExitDone;
  if (given.rerun.empty())
    return trainWith(executable, given);
  OwnRun run = naming("--rerun", [&] { return readRun(given.rerun); });
  TrainFlags train(executable);
  train.flags.parse(repeat(run, executable, arguments));
  train.options.expectedHashes = run.hashes;
  return trainWith(executable, train);
}
