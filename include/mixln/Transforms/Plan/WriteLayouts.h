//===- WriteLayouts.h - Producers write what packs would --------*- C++ -*-===//

#ifndef MIXLN_TRANSFORMS_PLAN_WRITELAYOUTS_H
#define MIXLN_TRANSFORMS_PLAN_WRITELAYOUTS_H

#include "mixln/IR/Mixln.h"
#include "mixln/Interfaces/KernelGenerator.h"

namespace mixln {

/// Lets row programs whose results are packed soon after write the packed
/// layout themselves, where the target can.
void writeLayouts(EntryOp entry, KernelGenerator &kernels);

} // namespace mixln

#endif // MIXLN_TRANSFORMS_PLAN_WRITELAYOUTS_H
