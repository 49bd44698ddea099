//===- Schedule.h - The learning rate of each update ------------*- C++ -*-===//

#ifndef MIXLN_RT_TRAIN_SCHEDULE_H
#define MIXLN_RT_TRAIN_SCHEDULE_H

#include <cstdint>
#include <string>

namespace mixln::rt {

enum class ScheduleKind { Cosine, Linear, CosineRestarts, Wsd, Constant };

struct Schedule {
  ScheduleKind kind = ScheduleKind::Cosine;
  int64_t steps = 10000;   ///< updates of the whole run
  int64_t warmupSteps = 0; ///< linear from 0
  double minRatio = 0.1;   ///< floor, as a share of the peak (not for linear)
  /// Cosine: updates after which the curve, warm-up included, begins again;
  /// restarts: updates between two restarts. 0 = the whole run.
  int64_t cycleLength = 0;
  int64_t restartWarmupSteps = 0;
  int64_t decaySteps = 0; ///< wsd: length of the linear decay at the end

  /// Throws InputError when the numbers contradict each other.
  void check() const;

  /// Share of the peak learning rate that update n (from 1) applies. The
  /// first update of a warm-up has 0.
  double factor(int64_t n) const;
};

ScheduleKind scheduleKind(const std::string &name);

} // namespace mixln::rt

#endif // MIXLN_RT_TRAIN_SCHEDULE_H
