//===- Placements.h - Names of what is compared -----------------*- C++ -*-===//

#ifndef MIXLN_REPORT_PLACEMENTS_H
#define MIXLN_REPORT_PLACEMENTS_H

#include "mixln/Report/Run.h"

#include <string>
#include <utility>
#include <vector>

namespace mixln::report {

/// The placement that run.json names: the norm specification and, where it is
/// not RMSNorm, the kind of the norms: "post_pre:6", "pre, dyt".
std::string namePlacement(const nlohmann::ordered_json &about);

/// Gives placements of one name but different norm files different names:
/// "mine.json, file 3fa2c1".
void tellPlacementsApart(std::vector<Run> &runs);

/// Placements in the order in which they first appear.
std::vector<std::string> placementsOf(const std::vector<Run> &runs);

/// Finds the placement that `given` means: its name, one of the `aliases`
/// (name as asked for, placement), or its norm specification where only one
/// placement has it. False, with what was expected in `error`, where there is
/// none.
bool findBaseline(
    const std::vector<std::string> &placements,
    const std::vector<std::pair<std::string, std::string>> &aliases,
    const std::string &given, std::string &baseline, std::string &error);

/// What the other placements are compared with: `given`, else the usual one
/// (page/defaults.json) where it is among them, else the first.
std::string baselineOf(const std::vector<Run> &runs, const std::string &given);

} // namespace mixln::report

#endif // MIXLN_REPORT_PLACEMENTS_H
