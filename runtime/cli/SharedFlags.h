//===- SharedFlags.h - Flags that several commands have ---------*- C++ -*-===//

#ifndef MIXLN_RT_CLI_SHAREDFLAGS_H
#define MIXLN_RT_CLI_SHAREDFLAGS_H

#include "cli/Commands.h"
#include "cli/Flags.h"
#include "cli/OwnRun.h"
#include "data/RowStream.h"
#include "eval/Evaluate.h"
#include "train/Optimizer.h"

#include <memory>
#include <string>

namespace mixln::rt {

/// Rows of an update that no one means: they are held in memory.
constexpr int64_t kMostRows = int64_t(1) << 24;

/// --threads.
struct ThreadFlags {
  int64_t threads = 0;
  void add(Flags &flags);
  /// What holds when the flag is not given: the CPUs this process may use.
  int resolve();
  /// After resolve(): the number and what it follows from.
  std::string text;
};

/// --device, --emulator_seed.
struct DeviceFlags {
  DeviceChoice choice;
  int64_t seed = 1;
  void add(Flags &flags);
  /// After parsing.
  const DeviceChoice &resolve(const Flags &flags);
};

/// --optimizer and its constants, --z_loss.
struct OptimizerFlags {
  std::string kind = "adam";
  Optimizer optimizer;
  double zLoss = 0;
  void add(Flags &flags);
  const Optimizer &resolve();
};

/// --data, --tokenizer, --data_format, --packing, --raw.
struct DataFlags {
  std::string data, tokenizer, packing = "pad", raw, format = "text";
  /// For an evaluation the flags that `train` has for one are synonyms.
  void add(Flags &flags, bool evaluation = false);
  /// What the command line leaves open is as the run's training had it. Packing
  /// and --raw belong to the files: where --data is given, these are not taken.
  void takeFromRun(const OwnRun &run, const Flags &flags);
  /// As the run's evaluations had it; where it made none, as its training, with
  /// a note; where --data is given, as takeFromRun(). Returns whether these are
  /// the rows of its evaluations.
  bool takeEvaluationFromRun(const OwnRun &run, const Flags &flags);
  RowOptions rowOptions(const Program &program) const;

private:
  void takeFormat(const OwnRun &run, const Flags &flags);
};

/// --no_shuffle, --data_seed, --shuffle_window, --max_epochs, --workers.
struct StreamFlags {
  bool noShuffle = false;
  int64_t seed = 32, workers = 1;
  StreamOptions stream;
  void add(Flags &flags);
  const StreamOptions &resolve();
};

Packing packingOf(const std::string &name);

/// --eval_mean.
void addEvalMean(Flags &flags, std::string &name);
EvalMean evalMeanOf(const std::string &name);

/// The tokenizer, checked against the model; null when `path` is empty.
std::unique_ptr<Tokenizer> openTokenizer(const std::string &path,
                                         const Program &program);

} // namespace mixln::rt

#endif // MIXLN_RT_CLI_SHAREDFLAGS_H
