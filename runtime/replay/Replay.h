//===- Replay.h - Updates on one recorded batch -----------------*- C++ -*-===//

#ifndef MIXLN_RT_REPLAY_REPLAY_H
#define MIXLN_RT_REPLAY_REPLAY_H

#include "train/Model.h"
#include "train/Optimizer.h"

#include <string>

namespace mixln::rt {

struct ReplayOptions {
  std::string batch;
  std::string out;
  int64_t steps = 1;
  double lr = 1e-3;
  Optimizer optimizer;
  double zLoss = 0;
  bool logits = false;
};

/// Runs `steps` updates on the batch and writes losses, gradient norms, the
/// first step's gradients and the final parameters. The model is loaded and
/// prepared.
void replay(Model &model, const ReplayOptions &options);

/// Reads and checks a recorded batch: input_ids and labels, int32 [B', T].
UpdateBatch readBatch(const std::string &path, const Program &program);

/// Records one.
void writeBatch(const std::string &path, const UpdateBatch &batch,
                int64_t length);

} // namespace mixln::rt

#endif // MIXLN_RT_REPLAY_REPLAY_H
