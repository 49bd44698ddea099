//===- Progress.h - What the user sees while it trains ----------*- C++ -*-===//

#ifndef MIXLN_RT_TRAIN_PROGRESS_H
#define MIXLN_RT_TRAIN_PROGRESS_H

#include "train/Metrics.h"

#include <chrono>
#include <string>

namespace mixln::rt {

/// "1:02:03" or "2:03".
std::string durationText(double seconds);

/// On a terminal one line that is redrawn; otherwise a plain line now and
/// then. Written to standard error.
class Progress {
public:
  Progress(int64_t steps, bool terminal);

  /// `share` is that of the machine's peak, 0 where it is not known.
  void step(const StepMetrics &metrics, double share);
  /// A line of its own.
  void line(const std::string &text);
  /// Leaves the redrawn line as it is and goes to the next one.
  void finish();

private:
  std::string text(const StepMetrics &metrics, double share) const;

  using Clock = std::chrono::steady_clock;
  int64_t steps;
  bool terminal;
  int64_t firstStep = 0;
  Clock::time_point firstEnd;
  Clock::time_point lastShown;
  int drawn = 0; ///< columns of the redrawn line
};

} // namespace mixln::rt

#endif // MIXLN_RT_TRAIN_PROGRESS_H
