//===- Page.h - The report as one page --------------------------*- C++ -*-===//

#ifndef MIXLN_REPORT_PAGE_H
#define MIXLN_REPORT_PAGE_H

#include "mixln/Report/Run.h"

#include <string>
#include <vector>

namespace mixln::report {

struct PageOptions {
  std::string title = "Training runs";
  /// What other placements are compared with; empty: that of
  /// lib/Report/page/defaults.json where it is among them, else the first.
  std::string baseline;
  /// Shown before everything else.
  std::vector<std::string> notes;
};

/// The whole page: text, numbers, scripts and drawings in one file that needs
/// nothing else.
std::string renderPage(const std::vector<Run> &runs,
                       const PageOptions &options);

} // namespace mixln::report

#endif // MIXLN_REPORT_PAGE_H
