//===- Optimizer.h - The scalars of an update -------------------*- C++ -*-===//

#ifndef MIXLN_RT_TRAIN_OPTIMIZER_H
#define MIXLN_RT_TRAIN_OPTIMIZER_H

#include "train/Model.h"

#include <map>
#include <string>

namespace mixln::rt {

struct Optimizer {
  bool decoupledDecay = false; ///< AdamW
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  double weightDecay = 0;
  double gradClipping = 1; ///< 0 = off
  /// Per parameter class: factors on the learning rate, and weight decays
  /// instead of weightDecay.
  std::map<std::string, double> lrMultipliers;
  std::map<std::string, double> decays;

  /// Writes what the entry `update` reads for update n (from 1).
  void writeScalars(Model &model, int64_t n, double lr) const;
};

/// Classes a parameter may have.
const std::vector<std::string> &parameterClasses();

} // namespace mixln::rt

#endif // MIXLN_RT_TRAIN_OPTIMIZER_H
