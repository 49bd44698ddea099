//===- Train.h - The training loop ------------------------------*- C++ -*-===//

#ifndef MIXLN_RT_TRAIN_TRAIN_H
#define MIXLN_RT_TRAIN_TRAIN_H

#include "eval/Evaluate.h"
#include "train/Optimizer.h"
#include "train/RunFolder.h"
#include "train/Schedule.h"
#include "train/Step.h"
#include "train/TrainingState.h"

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace mixln::rt {

struct TrainOptions {
  std::vector<std::string> files;
  const Tokenizer *tokenizer = nullptr;
  RowOptions rows;
  StreamOptions stream;
  int64_t totalBatchSize = 0;
  LossNormalization normalization = LossNormalization::Total;

  double lr = 1e-4;
  Schedule schedule;
  Optimizer optimizer;

  double zLoss = 0;
  double spikeZscore = 0; ///< 0: apply every update

  int64_t saveEvery = 0;    ///< 0: at the end only
  std::set<int64_t> saveAt; ///< further updates; their checkpoints stay
  int64_t keepLast = 0;     ///< 0: all checkpoints
  int64_t evalEvery = 0;    ///< 0: at the end only
  /// Updates between lines of layers.jsonl, the first one logged too; 0: none.
  int64_t logLayersEvery = 0;
  std::optional<EvaluationOptions> evaluation;

  bool profile = false;

  ResolvedFlags flags; ///< for run.json

  std::string weights; ///< that the run begins with, or empty
  /// Of the run that this one repeats; what differs is said.
  std::map<std::string, std::string> expectedHashes;

  /// Where to go on from: the checkpoint that the model was loaded from and
  /// its state. The run in the folder itself is continued if `resume`.
  std::string checkpoint;
  std::optional<TrainingState> from;
  bool resume = false;
};

/// Trains and returns an ExitStatus. The model's parameters are set, prepare()
/// ran, and the moments are loaded.
int train(Model &model, const TrainOptions &options, const RunFolder &folder);

} // namespace mixln::rt

#endif // MIXLN_RT_TRAIN_TRAIN_H
