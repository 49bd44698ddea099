//===- ScheduleTest.cpp ---------------------------------------------------===//

#include "train/Schedule.h"
#include "support/Errors.h"

#include <cmath>
#include <gtest/gtest.h>
#include <numbers>

using namespace mixln::rt;

static double halfCosine(double progress, double floor) {
  return floor +
         (1 - floor) * 0.5 * (1 + std::cos(std::numbers::pi * progress));
}

TEST(Schedule, WarmupStartsAtZero) {
  Schedule schedule{.steps = 100, .warmupSteps = 10};
  EXPECT_EQ(schedule.factor(1), 0);
  EXPECT_DOUBLE_EQ(schedule.factor(6), 0.5);
  EXPECT_DOUBLE_EQ(schedule.factor(11), 1);
}

TEST(Schedule, Cosine) {
  Schedule schedule{.steps = 100, .warmupSteps = 10, .minRatio = 0.1};
  EXPECT_DOUBLE_EQ(schedule.factor(56), halfCosine(45.0 / 90, 0.1));
  EXPECT_DOUBLE_EQ(schedule.factor(100), halfCosine(89.0 / 90, 0.1));
  schedule.cycleLength = 50;
  EXPECT_DOUBLE_EQ(schedule.factor(51), 0);
  EXPECT_DOUBLE_EQ(schedule.factor(71), halfCosine(10.0 / 40, 0.1));
}

TEST(Schedule, Linear) {
  Schedule schedule{
      .kind = ScheduleKind::Linear, .steps = 110, .warmupSteps = 10};
  EXPECT_DOUBLE_EQ(schedule.factor(61), 0.5);
  EXPECT_DOUBLE_EQ(schedule.factor(110), 0.01);
}

TEST(Schedule, CosineRestarts) {
  Schedule schedule{.kind = ScheduleKind::CosineRestarts,
                    .steps = 100,
                    .warmupSteps = 10,
                    .minRatio = 0.1,
                    .cycleLength = 40,
                    .restartWarmupSteps = 4};
  EXPECT_DOUBLE_EQ(schedule.factor(40), halfCosine(29.0 / 90, 0.1));
  EXPECT_DOUBLE_EQ(schedule.factor(41), 0);
  EXPECT_DOUBLE_EQ(schedule.factor(43), 0.5 * halfCosine(34.0 / 90, 0.1));
  EXPECT_DOUBLE_EQ(schedule.factor(45), halfCosine(34.0 / 90, 0.1));
  schedule.cycleLength = 0;
  EXPECT_THROW(schedule.check(), InputError);
  schedule.steps = 0; // the initial checkpoint alone
  schedule.check();
}

TEST(Schedule, WsdAndConstant) {
  Schedule schedule{.kind = ScheduleKind::Wsd,
                    .steps = 100,
                    .warmupSteps = 10,
                    .minRatio = 0.2,
                    .decaySteps = 20};
  EXPECT_EQ(schedule.factor(80), 1);
  EXPECT_EQ(schedule.factor(81), 1);
  EXPECT_DOUBLE_EQ(schedule.factor(91), 0.6);
  schedule.kind = ScheduleKind::Constant;
  EXPECT_EQ(schedule.factor(100), 1);
  EXPECT_THROW(scheduleKind("cosinus"), InputError);
}
