//===- AngularDistanceTest.cpp - Means and errors of angles ---------------===//

#include "layers/AngularDistance.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <numeric>
#include <random>

using namespace mixln::rt;

namespace {

constexpr int64_t kLayers = 3, kRows = 4, kLength = 5, kHidden = 6;

/// Rows of 2, 3, 4 and 5 positions before their padding, in two micro-batches,
/// and random streams [micro-batch][L + 1][R, hidden].
struct Example {
  UpdateBatch batch;
  std::vector<std::vector<std::vector<float>>> streams;

  Example() {
    batch.rows = kRows;
    for (int64_t row = 0; row < kRows; ++row)
      for (int64_t t = 0; t < kLength; ++t)
        batch.labels.push_back(t < length(row) ? 1 : -100);
    std::mt19937 random(std::random_device{}());
    std::normal_distribution<float> normal;
    for (int64_t micro = 0; micro < 2; ++micro) {
      auto &of = streams.emplace_back(kLayers + 1);
      for (auto &stream : of)
        for (int64_t i = 0; i < kRows / 2 * kLength * kHidden; ++i)
          stream.push_back(normal(random));
    }
  }

  static int64_t length(int64_t row) { return row + 2; }

  AngularDistance measure(AngularDistance::Positions positions) const {
    AngularDistance angles(kLayers, positions);
    for (int64_t micro = 0; micro < 2; ++micro)
      angles.add(batch, micro * kRows / 2, streams[micro], kHidden);
    return angles;
  }

  /// Angle of the streams before layers l and l + n at a position, in half
  /// turns.
  double angle(int64_t row, int64_t t, int64_t l, int64_t n) const {
    const auto &of = streams[row / 2];
    const float *a = &of[l][(row % 2 * kLength + t) * kHidden];
    const float *b = &of[l + n][(row % 2 * kLength + t) * kHidden];
    double ab = std::inner_product(a, a + kHidden, b, 0.0),
           aa = std::inner_product(a, a + kHidden, a, 0.0),
           bb = std::inner_product(b, b + kHidden, b, 0.0);
    return std::acos(ab / std::sqrt(aa * bb)) / std::numbers::pi;
  }
};

} // namespace

// Every distance, not only that of neighbors, from each row's last position.
TEST(AngularDistance, LastPositions) {
  Example example;
  AngularDistance angles = example.measure(AngularDistance::Positions::Last);
  EXPECT_EQ(angles.samples(), kRows);
  auto means = angles.means(), errors = angles.errors();
  ASSERT_EQ(means.size(), size_t(kLayers));
  for (int64_t n = 1; n <= kLayers; ++n) {
    ASSERT_EQ(means[n - 1].size(), size_t(kLayers - n + 1));
    for (int64_t l = 0; l + n <= kLayers; ++l) {
      double mean = 0, squares = 0;
      for (int64_t row = 0; row < kRows; ++row)
        mean += example.angle(row, Example::length(row) - 1, l, n) / kRows;
      for (int64_t row = 0; row < kRows; ++row)
        squares += std::pow(
            example.angle(row, Example::length(row) - 1, l, n) - mean, 2);
      EXPECT_NEAR(means[n - 1][l], mean, 1e-6);
      EXPECT_NEAR(errors[n - 1][l], std::sqrt(squares / (kRows * (kRows - 1))),
                  1e-6);
    }
  }
}

// Positions of a row count together: the error is that of means over rows,
// however many positions each has.
TEST(AngularDistance, AllPositions) {
  Example example;
  AngularDistance angles = example.measure(AngularDistance::Positions::All);
  EXPECT_EQ(angles.samples(), 2 + 3 + 4 + 5);
  auto means = angles.means(), errors = angles.errors();
  for (int64_t n = 1; n <= kLayers; ++n)
    for (int64_t l = 0; l + n <= kLayers; ++l) {
      double sum = 0, squares = 0;
      for (int64_t row = 0; row < kRows; ++row)
        for (int64_t t = 0; t < Example::length(row); ++t)
          sum += example.angle(row, t, l, n);
      double mean = sum / double(angles.samples());
      for (int64_t row = 0; row < kRows; ++row) {
        double deviation = 0;
        for (int64_t t = 0; t < Example::length(row); ++t)
          deviation += example.angle(row, t, l, n) - mean;
        squares += deviation * deviation;
      }
      EXPECT_NEAR(means[n - 1][l], mean, 1e-6);
      EXPECT_NEAR(errors[n - 1][l],
                  std::sqrt(squares * kRows / (kRows - 1)) /
                      double(angles.samples()),
                  1e-6);
    }
}

TEST(AngularDistance, OneRowHasNoError) {
  Example example;
  UpdateBatch row;
  row.rows = 1;
  row.labels.assign(kLength, 1);
  AngularDistance angles(kLayers, AngularDistance::Positions::All);
  auto streams = example.streams[0];
  for (auto &stream : streams)
    stream.resize(kLength * kHidden);
  angles.add(row, 0, streams, kHidden);
  EXPECT_TRUE(std::isfinite(angles.means()[0][0]));
  EXPECT_TRUE(std::isnan(angles.errors()[0][0]));
}
