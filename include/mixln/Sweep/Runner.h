//===- Runner.h - Runs one after another, or some at a time -----*- C++ -*-===//

#ifndef MIXLN_SWEEP_RUNNER_H
#define MIXLN_SWEEP_RUNNER_H

#include "mixln/Sweep/Commands.h"

#include <string>
#include <vector>

namespace mixln::sweep {

struct RunnerOptions {
  std::string trainer; ///< mixln-train
  int jobs = 1;
  int threads = 0; ///< of each run; 0: as the run itself decides
};

struct RunnerResult {
  std::vector<std::string> failures; ///< "NAME: exit status 2: last line"
  bool stopped = false;              ///< by a signal
};

/// Brings every run of the sweep to its end that is not there yet. A run that
/// diverged is at its end. Runs write to log.txt in their folders. On SIGINT,
/// SIGTERM or SIGHUP the runs save and stop.
RunnerResult runAll(const Sweep &sweep, const RunnerOptions &options);

} // namespace mixln::sweep

#endif // MIXLN_SWEEP_RUNNER_H
