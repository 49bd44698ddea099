//===- Step.h - One update --------------------------------------*- C++ -*-===//

#ifndef MIXLN_RT_TRAIN_STEP_H
#define MIXLN_RT_TRAIN_STEP_H

#include "train/Model.h"
#include "train/Optimizer.h"

namespace mixln::rt {

/// What a micro-batch's losses are divided by.
enum class LossNormalization {
  Total,     ///< counted labels of the total batch
  MicroBatch ///< its own counted labels, then the mean over micro-batches
};

/// A second term of what is minimised: `weight` times the mean over the counted
/// labels of log(sum of exp of the logits)^2.
struct ZLoss {
  double weight = 0;
  double value = 0; ///< of the last batch
};

/// Runs `gradient` and `gradient_add` over the micro-batches and returns the
/// loss of the total batch, without the z-loss. `stop`, asked between
/// dispatches, ends it early with the result NaN. `measured` runs the entry
/// `gradient.measured` for the first micro-batch: the same bits, and what it
/// measures.
double accumulateGradients(Model &model, const UpdateBatch &batch,
                           LossNormalization normalization,
                           bool (*stop)() = nullptr, ZLoss *zLoss = nullptr,
                           bool measured = false);

/// Runs the part of `update` that does not touch the weights (where there is
/// one, see Model) and returns the norm of the gradient before clipping.
double beginUpdate(Model &model, const Optimizer &optimizer, int64_t n,
                   double lr);

/// Runs `update` and returns the norm of the gradient before clipping.
double applyUpdate(Model &model, const Optimizer &optimizer, int64_t n,
                   double lr);

} // namespace mixln::rt

#endif // MIXLN_RT_TRAIN_STEP_H
