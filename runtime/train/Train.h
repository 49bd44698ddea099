//===- Train.h - The training loop ------------------------------*- C++ -*-===//

#ifndef MIXLN_RT_TRAIN_TRAIN_H
#define MIXLN_RT_TRAIN_TRAIN_H

#include "eval/Evaluate.h"
#include "train/Optimizer.h"
#include "train/RunFolder.h"
#include "train/Schedule.h"
#include "train/Step.h"

#include <optional>
#include <string>
#include <vector>

namespace mixln::rt {

struct TrainOptions {
  std::vector<std::string> files;
  const Tokenizer *tokenizer = nullptr;
  RowOptions rows;
  int64_t maxEpochs = 0; ///< 0: no limit
  int64_t totalBatchSize = 0;
  LossNormalization normalization = LossNormalization::Total;

  double lr = 1e-4;
  Schedule schedule;
  Optimizer optimizer;

  int64_t saveEvery = 0; ///< 0: at the end only
  int64_t evalEvery = 0; ///< 0: at the end only
  std::optional<EvaluationOptions> evaluation;

  ResolvedFlags flags; ///< for run.json
};

/// Trains and returns an ExitStatus. The model's parameters are set and
/// prepare() ran.
int train(Model &model, const TrainOptions &options, const RunFolder &folder);

} // namespace mixln::rt

#endif // MIXLN_RT_TRAIN_TRAIN_H
