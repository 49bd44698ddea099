//===- Schedule.cpp -------------------------------------------------------===//

#include "train/Schedule.h"
#include "support/Errors.h"

#include <algorithm>
#include <cmath>
#include <numbers>

using namespace mixln::rt;

ScheduleKind mixln::rt::scheduleKind(const std::string &name) {
  if (name == "cosine")
    return ScheduleKind::Cosine;
  if (name == "linear")
    return ScheduleKind::Linear;
  if (name == "cosine_restarts")
    return ScheduleKind::CosineRestarts;
  if (name == "wsd")
    return ScheduleKind::Wsd;
  if (name == "constant")
    return ScheduleKind::Constant;
  badInput("--scheduler ", name,
           " is unknown; expected cosine, linear, cosine_restarts, wsd or"
           " constant");
}

static double share(int64_t part, int64_t whole) {
  return static_cast<double>(part) /
         static_cast<double>(std::max<int64_t>(whole, 1));
}

static double cosine(double progress, double floor) {
  return floor +
         (1 - floor) * 0.5 * (1 + std::cos(std::numbers::pi * progress));
}

void Schedule::check() const {
  if (steps == 0) // the initial checkpoint, whatever would follow
    return;
  if (kind == ScheduleKind::CosineRestarts) {
    if (cycleLength <= 0)
      badInput("--scheduler cosine_restarts needs --cycle_length, the updates"
               " between two restarts");
    if (warmupSteps > cycleLength)
      badInput("--warmup_steps ", warmupSteps, " is more than --cycle_length ",
               cycleLength);
  }
  if (kind == ScheduleKind::Wsd && warmupSteps + decaySteps > steps)
    badInput("--warmup_steps ", warmupSteps, " and --decay_steps ", decaySteps,
             " are more than --num_training_steps ", steps);
}

/// After each restart a short warm-up leads back to the curve, which runs over
/// the whole run and not over the cycle.
static double restarts(const Schedule &schedule, int64_t s) {
  int64_t span = schedule.steps - schedule.warmupSteps;
  int64_t sinceRestart = s % schedule.cycleLength;
  if (s >= schedule.cycleLength && sinceRestart < schedule.restartWarmupSteps) {
    int64_t warm = s - sinceRestart + schedule.restartWarmupSteps;
    return share(sinceRestart, schedule.restartWarmupSteps) *
           cosine(share(warm - schedule.warmupSteps, span), schedule.minRatio);
  }
  return cosine(share(s - schedule.warmupSteps, span), schedule.minRatio);
}

double Schedule::factor(int64_t n) const {
  int64_t s = n - 1;
  if (kind == ScheduleKind::Cosine) {
    int64_t cycle = cycleLength > 0 ? cycleLength : std::max<int64_t>(steps, 1);
    int64_t inCycle = s % cycle;
    if (inCycle < warmupSteps)
      return share(inCycle, warmupSteps);
    return cosine(share(inCycle - warmupSteps, cycle - warmupSteps), minRatio);
  }
  if (s < warmupSteps)
    return share(s, warmupSteps);
  switch (kind) {
  case ScheduleKind::Linear:
    return std::max(0.0, share(steps - s, steps - warmupSteps));
  case ScheduleKind::CosineRestarts:
    return restarts(*this, s);
  case ScheduleKind::Wsd: {
    int64_t decayBegin = steps - decaySteps;
    if (s < decayBegin)
      return 1;
    return 1 - (1 - minRatio) * share(s - decayBegin, decaySteps);
  }
  default:
    return 1;
  }
}
