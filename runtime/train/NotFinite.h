//===- NotFinite.h - Where numbers stopped being numbers --------*- C++ -*-===//

#ifndef MIXLN_RT_TRAIN_NOTFINITE_H
#define MIXLN_RT_TRAIN_NOTFINITE_H

#include "train/Model.h"

#include <string>

namespace mixln::rt {

/// After the gradients of a batch whose loss or gradient is not finite: names
/// the first place that is not finite, as far as the program can measure it.
/// Parameters come before what is computed from them. Empty when nothing was
/// found.
std::string firstNotFinite(Model &model, const UpdateBatch &batch);

} // namespace mixln::rt

#endif // MIXLN_RT_TRAIN_NOTFINITE_H
