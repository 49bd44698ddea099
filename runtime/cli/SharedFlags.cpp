//===- SharedFlags.cpp ----------------------------------------------------===//

#include "cli/SharedFlags.h"
#include "data/Files.h"
#include "device/ThreadPool.h"
#include "support/Errors.h"

#include <algorithm>
#include <cstdlib>
#include <limits>

using namespace mixln::rt;

static constexpr double kUnbounded = std::numeric_limits<double>::infinity();

void ThreadFlags::add(Flags &flags) {
  flags.count("threads", threads, 1,
              "worker threads; default: the CPUs this process may use");
}

static std::string countOf(int64_t threads) {
  return cat(threads, threads == 1 ? " thread" : " threads");
}

int ThreadFlags::resolve() {
  constexpr int64_t kMost = 1024;
  if (threads > kMost)
    badInput("--threads is ", threads, ", expected at most ", kMost);
  if (threads != 0) {
    text = countOf(threads) + " (--threads)";
    return static_cast<int>(threads);
  }
  CpuBudget budget = cpuBudget();
  threads = budget.usable();
  const char *slurm = std::getenv("SLURM_CPUS_PER_TASK");
  int64_t given = 0;
  if (slurm && parseCount(slurm, given) && given > 0)
    threads = std::min(threads, given);
  threads = std::min(threads, kMost);
  text = cat(countOf(threads), " (affinity ", budget.affinity);
  if (budget.quota)
    text += cat(", cgroup quota ", budget.quota);
  if (given > 0)
    text += cat(", SLURM_CPUS_PER_TASK ", given);
  text += ")";
  return static_cast<int>(threads);
}

void DeviceFlags::add(Flags &flags) {
  flags.choice("device", choice.name, {"auto", "cpu", "cuda", "emulator"},
               "what it runs on; auto: what it was compiled for; emulator: GPU "
               "kernels on this CPU, with every access checked");
  flags.count("emulator_seed", seed, 0,
              "with --device emulator: the order in which GPU threads go on");
}

const DeviceChoice &DeviceFlags::resolve(const Flags &flags) {
  if (flags.given("emulator_seed") && choice.name != "emulator")
    badInput("--emulator_seed belongs to --device emulator");
  choice.emulatorSeed = static_cast<uint64_t>(seed);
  return choice;
}

void OptimizerFlags::add(Flags &flags) {
  flags.choice("optimizer", kind, {"adam", "adamw"},
               "adam (coupled decay) or adamw (decoupled decay)");
  flags.number("beta1", optimizer.beta1, 0, 0.9999999, "Adam's first decay");
  flags.number("beta2", optimizer.beta2, 0, 0.9999999, "Adam's second decay");
  flags.number("eps", optimizer.eps, 0, kUnbounded,
               "added to the root of the second moment", {"adam_eps"});
  flags.number("weight_decay", optimizer.weightDecay, 0, kUnbounded,
               "weight decay");
  flags.number("grad_clipping", optimizer.gradClipping, 0, kUnbounded,
               "largest norm of the gradient; 0 = off");
  flags.number("z_loss", zLoss, 0, kUnbounded,
               "also minimise this times the mean squared logarithm of the"
               " softmax's denominator (PaLM: 1e-4); the losses that are"
               " reported stay the plain cross-entropy");
  flags.table("lr_mult", optimizer.lrMultipliers, parameterClasses(),
              "factors on the learning rate by parameter class");
  flags.table("decay", optimizer.decays, parameterClasses(),
              "weight decays by parameter class, instead of --weight_decay",
              {"weight_decay_of", "weight_decay_class"});
}

const Optimizer &OptimizerFlags::resolve() {
  optimizer.decoupledDecay = kind == "adamw";
  return optimizer;
}

void DataFlags::add(Flags &flags, bool evaluation) {
  using Names = Flags::Names;
  flags.text("data", data,
             "JSON lines (.json.gz, .jsonl) or tokenized .bin files; a quoted"
             " pattern",
             evaluation ? Names{"eval_data"} : Names{});
  flags.text("tokenizer", tokenizer, "sentencepiece model");
  flags.choice("data_format", format, {"text", "chat"},
               "text: a \"text\" a line; chat: prompts and responses, of which"
               " responses count (docs/FineTuning.md)");
  flags.choice("packing", packing, {"pad", "concat"},
               "pad: a document a row; concat: documents end to end",
               evaluation ? Names{"eval_packing"} : Names{});
  flags.choice("raw", raw, {"uint16", "uint32"},
               "the .bin files are ids without a header");
}

void DataFlags::takeFromRun(const OwnRun &run, const Flags &flags) {
  if (tokenizer.empty())
    tokenizer = run.tokenizer();
  takeFormat(run, flags);
  if (!data.empty())
    return;
  data = run.path("data");
  if (data.empty())
    badInput("--data is required: ", run.folder, "/run.json has no data");
  if (!flags.given("packing"))
    packing = run.flag("packing");
  if (!flags.given("raw"))
    raw = run.flag("raw");
}

bool DataFlags::takeEvaluationFromRun(const OwnRun &run, const Flags &flags) {
  std::string evaluated = run.path("eval_data");
  if (!data.empty() || evaluated.empty()) {
    bool isOwn = data.empty();
    takeFromRun(run, flags);
    if (isOwn)
      note("the run has no eval_data: its training data are read, " + data);
    return false;
  }
  if (tokenizer.empty())
    tokenizer = run.tokenizer();
  takeFormat(run, flags);
  data = evaluated;
  if (!flags.given("packing"))
    packing = run.flag("eval_packing");
  if (!flags.given("raw") && needRaw(expandGlob("--data", data)))
    raw = run.flag("raw");
  return true;
}

void DataFlags::takeFormat(const OwnRun &run, const Flags &flags) {
  if (!flags.given("data_format") && !run.flag("data_format").empty())
    format = run.flag("data_format");
}

void StreamFlags::add(Flags &flags) {
  flags.toggle("no_shuffle", noShuffle, "rows in the order of the files");
  flags.count("data_seed", seed, 0, "of the rows' order");
  flags.count("shuffle_window", stream.window, 1,
              "rows that are shuffled with each other; they are held in memory"
              " twice");
  flags.count("max_epochs", stream.maxEpochs, 0,
              "passes over the data at most; 0 = no limit");
  flags.count("workers", workers, 0,
              "threads that turn text into tokens, ahead of the updates; the"
              " rows do not depend on it");
}

const StreamOptions &StreamFlags::resolve() {
  stream.shuffle = !noShuffle;
  stream.seed = static_cast<uint64_t>(seed);
  constexpr int64_t kMost = int64_t(1) << 24;
  if (stream.window > kMost)
    badInput("--shuffle_window is ", stream.window, ", expected at most ",
             kMost);
  constexpr int64_t kMostWorkers = 1024;
  if (workers > kMostWorkers)
    badInput("--workers is ", workers, ", expected at most ", kMostWorkers);
  // Loaders in Python take 0 for the process itself.
  stream.workers = std::max<int>(1, static_cast<int>(workers));
  return stream;
}

Packing mixln::rt::packingOf(const std::string &name) {
  return name == "concat" ? Packing::Concat : Packing::Pad;
}

void mixln::rt::addEvalMean(Flags &flags, std::string &name) {
  flags.choice("eval_mean", name, {"total", "batches_plus_one"},
               "mean over the counted labels, or the sum of the batches' means"
               " over their number plus one, as the public Mix-LN script");
}

EvalMean mixln::rt::evalMeanOf(const std::string &name) {
  return name == "total" ? EvalMean::Total : EvalMean::BatchesPlusOne;
}

RowOptions DataFlags::rowOptions(const Program &program) const {
  RowOptions options;
  options.length = program.seqLen;
  options.vocabSize = program.vocabSize;
  options.packing = packingOf(packing);
  options.format = format == "chat" ? DataFormat::Chat : DataFormat::Text;
  options.rawBits = raw.empty() ? 0 : raw == "uint16" ? 16 : 32;
  return options;
}

std::unique_ptr<Tokenizer> mixln::rt::openTokenizer(const std::string &path,
                                                    const Program &program) {
  if (path.empty())
    return nullptr;
  return naming("--tokenizer", [&] {
    auto tokenizer = std::make_unique<Tokenizer>(path);
    tokenizer->checkFits(program.vocabSize);
    return tokenizer;
  });
}
