//===- State.h - How far a run is, whoever ran it ---------------*- C++ -*-===//
//
// The folder of a run is all that is asked: a sweep can be stopped, moved to a
// cluster, or be run by several, and goes on from what is there.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_SWEEP_STATE_H
#define MIXLN_SWEEP_STATE_H

#include "mixln/Report/Run.h"

#include <string>

namespace mixln::sweep {

enum class Progress { NotBegun, Begun, Done, Diverged };

struct State {
  Progress progress = Progress::NotBegun;
  double step = 0;  ///< updates that were made
  double steps = 0; ///< that were asked for; NaN where unknown
};

/// What the folder says. A run is done when its last update and its last
/// evaluation are there, and a checkpoint of them where it has checkpoints; it
/// diverged when it left a batch whose loss was not finite.
State stateOf(const std::string &folder);

/// The step of the last whole line of metrics.jsonl, or 0; reads the end of
/// the file only.
double lastStepOf(const std::string &folder);

/// "12 of 400 updates", "diverged at update 13", ...
std::string describe(const State &state);

} // namespace mixln::sweep

#endif // MIXLN_SWEEP_STATE_H
