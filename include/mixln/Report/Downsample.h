//===- Downsample.h - Long curves as short ones -----------------*- C++ -*-===//
//
// Deterministic: the same curve always gives the same points.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_REPORT_DOWNSAMPLE_H
#define MIXLN_REPORT_DOWNSAMPLE_H

#include <cstddef>
#include <utility>
#include <vector>

namespace mixln::report {

using Points = std::vector<std::pair<double, double>>;

/// At most `parts` points: the means of equal parts, at the middle x of each.
/// A part with a value that is not finite is a gap (NaN).
Points partMeans(const Points &curve, size_t parts);

/// At most 2 * `parts` points: the smallest and the largest of each part, in
/// their order, so that no spike is lost. Gaps as above.
Points partExtremes(const Points &curve, size_t parts);

} // namespace mixln::report

#endif // MIXLN_REPORT_DOWNSAMPLE_H
