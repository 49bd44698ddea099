//===- DownsampleTest.cpp -------------------------------------------------===//

#include "mixln/Report/Downsample.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace mixln::report;

static Points line(size_t count) {
  Points points;
  for (size_t i = 0; i < count; ++i)
    points.emplace_back(i, 2.0 * static_cast<double>(i));
  return points;
}

TEST(Downsample, ShortCurvesStayAsTheyAre) {
  EXPECT_EQ(partMeans(line(5), 10), line(5));
  EXPECT_EQ(partExtremes(line(5), 10), line(5));
  EXPECT_TRUE(partMeans({}, 10).empty());
}

TEST(Downsample, MeansLieOnALine) {
  Points means = partMeans(line(1000), 10);
  ASSERT_EQ(means.size(), 10U);
  for (auto [x, y] : means)
    EXPECT_DOUBLE_EQ(y, 2 * x);
}

TEST(Downsample, NoSpikeIsLost) {
  Points curve = line(1000);
  curve[777].second = 1e6;
  curve[123].second = -1e6;
  Points extremes = partExtremes(curve, 10);
  EXPECT_LE(extremes.size(), 20U);
  EXPECT_NE(std::find(extremes.begin(), extremes.end(), curve[777]),
            extremes.end());
  EXPECT_NE(std::find(extremes.begin(), extremes.end(), curve[123]),
            extremes.end());
}

TEST(Downsample, WhatIsNotFiniteIsAGap) {
  Points curve = line(100);
  curve[55].second = std::nan("");
  for (auto shorten : {partMeans, partExtremes}) {
    size_t gaps = 0;
    for (auto [x, y] : shorten(curve, 10))
      gaps += std::isnan(y) ? 1 : 0;
    EXPECT_EQ(gaps, 1U);
  }
}
