//===- StatisticsTest.cpp -------------------------------------------------===//

#include "mixln/Report/Statistics.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace mixln::report;

TEST(Statistics, QuantilesOfStudentAreThoseOfTheTables) {
  struct {
    double degrees, expected;
  } table[] = {{1, 12.706205}, {2, 4.302653},  {4, 2.776445},
               {9, 2.262157},  {30, 2.042272}, {1000, 1.962339}};
  for (auto [degrees, expected] : table) {
    EXPECT_NEAR(studentQuantile(0.975, degrees), expected, 1e-6);
    EXPECT_NEAR(studentQuantile(0.025, degrees), -expected, 1e-6);
    EXPECT_NEAR(studentQuantile(0.5, degrees), 0, 1e-6);
  }
  EXPECT_TRUE(std::isnan(studentQuantile(1, 3)));
  EXPECT_TRUE(std::isnan(studentQuantile(0.975, 0)));
}

TEST(Statistics, IntervalOfAMean) {
  // Mean 2, standard deviation 1, standard error 1/sqrt(3).
  Estimate three = estimateMean({1, 2, 3});
  EXPECT_DOUBLE_EQ(three.mean, 2);
  EXPECT_NEAR(three.high - 2, 4.302653 / std::sqrt(3), 1e-6);
  EXPECT_NEAR(2 - three.low, three.high - 2, 1e-12);
  // Of 27 resamples one has the mean 1 and one the mean 3.
  EXPECT_NEAR(three.bootstrapLow, 4.0 / 3, 1e-12);
  EXPECT_NEAR(three.bootstrapHigh, 8.0 / 3, 1e-12);
}

TEST(Statistics, OneValueHasNoInterval) {
  Estimate one = estimateMean({5});
  EXPECT_EQ(one.mean, 5);
  EXPECT_TRUE(std::isnan(one.low) && std::isnan(one.bootstrapHigh));
  EXPECT_TRUE(std::isnan(estimateMean({}).mean));
  // Many values need no bootstrap.
  EXPECT_TRUE(std::isnan(estimateMean({1, 2, 3, 4, 5, 6, 7}).bootstrapLow));
}
