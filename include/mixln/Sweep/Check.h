//===- Check.h - Finding out what is wrong before hours have passed -------===//

#ifndef MIXLN_SWEEP_CHECK_H
#define MIXLN_SWEEP_CHECK_H

#include "mixln/Sweep/SweepFile.h"

#include <string>

namespace mixln::sweep {

/// Checks the flags of what is measured after the runs, has `trainer` check
/// those of every run, and learns how many updates each will make and which
/// placement it has; the sweep's baseline becomes the name of one. Returns
/// false with `error`, which names the run or the key.
bool checkRuns(const std::string &trainer, Sweep &sweep, std::string &error);

/// Compares the runs with what their folders and OUT/sweep.json say of those
/// that began: none must go on with other flags. Returns false with `error`.
bool checkRemembered(const Sweep &sweep, std::string &error);

/// Writes OUT/sweep.json.
void remember(const Sweep &sweep);

} // namespace mixln::sweep

#endif // MIXLN_SWEEP_CHECK_H
