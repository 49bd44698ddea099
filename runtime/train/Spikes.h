//===- Spikes.h - Updates that are outliers ---------------------*- C++ -*-===//
//
// --spike_zscore Z: an update whose loss or gradient norm lies more than Z
// standard deviations above the mean of the last ones is not applied.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_RT_TRAIN_SPIKES_H
#define MIXLN_RT_TRAIN_SPIKES_H

#include <cstddef>
#include <vector>

namespace mixln::rt {

/// The last values of a series, oldest first.
struct RecentValues {
  static constexpr size_t kKept = 128;
  /// Fewer say nothing about what is usual.
  static constexpr size_t kNeeded = 16;

  std::vector<double> values;

  /// The largest value that is not an outlier; infinite as long as too little
  /// is known.
  double limit(double zscore) const;
  /// An outlier counts as the limit, so that a series that moves to another
  /// level is followed there instead of being refused for ever.
  void add(double value, double limit);
};

struct SpikeGuard {
  RecentValues losses, norms;

  /// What about an update is an outlier: "loss", "grad_norm", or null. Either
  /// way the values are remembered.
  const char *check(double loss, double gradNorm, double zscore);
};

} // namespace mixln::rt

#endif // MIXLN_RT_TRAIN_SPIKES_H
