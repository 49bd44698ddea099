//===- Afterwards.h - Flags of what is measured after a run -----*- C++ -*-===//

#ifndef MIXLN_LIB_SWEEP_AFTERWARDS_H
#define MIXLN_LIB_SWEEP_AFTERWARDS_H

#include "mixln/Sweep/SweepFile.h"

#include <string>

namespace mixln::sweep {

/// Checks the flags of "evaluate" and "layers" as `EXE eval` and `EXE layers`
/// would, and keeps their values in `sweep.after`. Returns false with `error`,
/// which names the key.
bool checkAfterwards(Sweep &sweep, std::string &error);

} // namespace mixln::sweep

#endif // MIXLN_LIB_SWEEP_AFTERWARDS_H
