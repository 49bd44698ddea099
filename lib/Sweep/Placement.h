//===- Placement.h - What a run would compile -------------------*- C++ -*-===//

#ifndef MIXLN_LIB_SWEEP_PLACEMENT_H
#define MIXLN_LIB_SWEEP_PLACEMENT_H

#include "mixln/Sweep/SweepFile.h"

#include <string>

namespace mixln::sweep {

/// Imports config and placement of every run, each distinct step once, and
/// gives the runs their `config` and `placement`; the sweep's baseline becomes
/// the name of a placement. Returns false with `error`.
bool findPlacements(Sweep &sweep, std::string &error);

} // namespace mixln::sweep

#endif // MIXLN_LIB_SWEEP_PLACEMENT_H
