//===- Downsample.cpp -----------------------------------------------------===//

#include "mixln/Report/Downsample.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

using namespace mixln::report;

/// Calls `use` with the bounds of each part.
static void forEachPart(size_t count, size_t parts,
                        const std::function<void(size_t, size_t)> &use) {
  parts = std::min(parts, count);
  for (size_t k = 0; k < parts; ++k)
    use(count * k / parts, count * (k + 1) / parts);
}

static bool hasGap(const Points &curve, size_t begin, size_t end) {
  for (size_t i = begin; i < end; ++i)
    if (!std::isfinite(curve[i].second))
      return true;
  return false;
}

static std::pair<double, double> gapAt(const Points &curve, size_t begin) {
  return {curve[begin].first, std::numeric_limits<double>::quiet_NaN()};
}

Points mixln::report::partMeans(const Points &curve, size_t parts) {
  Points out;
  forEachPart(curve.size(), parts, [&](size_t begin, size_t end) {
    if (hasGap(curve, begin, end)) {
      out.push_back(gapAt(curve, begin));
      return;
    }
    double sum = 0;
    for (size_t i = begin; i < end; ++i)
      sum += curve[i].second;
    out.emplace_back((curve[begin].first + curve[end - 1].first) / 2,
                     sum / static_cast<double>(end - begin));
  });
  return out;
}

Points mixln::report::partExtremes(const Points &curve, size_t parts) {
  Points out;
  forEachPart(curve.size(), parts, [&](size_t begin, size_t end) {
    if (hasGap(curve, begin, end)) {
      out.push_back(gapAt(curve, begin));
      return;
    }
    size_t low = begin, high = begin;
    for (size_t i = begin; i < end; ++i) {
      if (curve[i].second < curve[low].second)
        low = i;
      if (curve[i].second > curve[high].second)
        high = i;
    }
    out.push_back(curve[std::min(low, high)]);
    if (low != high)
      out.push_back(curve[std::max(low, high)]);
  });
  return out;
}
