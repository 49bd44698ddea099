//===- Check.h - Finding out what is wrong before hours have passed -------===//

#ifndef MIXLN_SWEEP_CHECK_H
#define MIXLN_SWEEP_CHECK_H

#include "mixln/Sweep/SweepFile.h"

#include <string>

namespace mixln::sweep {

/// Has `trainer` check the flags of every run, and learns how many updates
/// each will make. Returns false with `error`, which names the run.
bool checkRuns(const std::string &trainer, Sweep &sweep, std::string &error);

/// Compares the runs with what OUT/sweep.json remembers of those that began:
/// a folder must not go on with other flags. Returns false with `error`.
bool checkRemembered(const Sweep &sweep, std::string &error);

/// Writes OUT/sweep.json.
void remember(const Sweep &sweep);

} // namespace mixln::sweep

#endif // MIXLN_SWEEP_CHECK_H
