//===- Results.h - What came out of a sweep ---------------------*- C++ -*-===//

#ifndef MIXLN_SWEEP_RESULTS_H
#define MIXLN_SWEEP_RESULTS_H

#include "mixln/Sweep/SweepFile.h"

#include <string>

namespace mixln::sweep {

/// Reads what runs are there and writes OUT/report.html and OUT/results.json.
/// Returns a text for the terminal: a line a run and the differences.
std::string collect(const Sweep &sweep);

} // namespace mixln::sweep

#endif // MIXLN_SWEEP_RESULTS_H
