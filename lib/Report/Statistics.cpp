//===- Statistics.cpp -----------------------------------------------------===//

#include "mixln/Report/Statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace mixln::report;

static constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
/// All n^n resamples are counted up to here: 46656 of them.
static constexpr size_t kMostEnumerated = 6;

/// The continued fraction of the incomplete beta function, by Lentz.
static double betaFraction(double a, double b, double x) {
  constexpr double kTiny = 1e-300;
  double c = 1, d = 1 - (a + b) * x / (a + 1);
  d = 1 / (std::abs(d) < kTiny ? kTiny : d);
  double value = d;
  for (int m = 1; m < 500; ++m) {
    auto advance = [&](double numerator) {
      d = 1 + numerator * d;
      d = 1 / (std::abs(d) < kTiny ? kTiny : d);
      c = 1 + numerator / c;
      c = std::abs(c) < kTiny ? kTiny : c;
      value *= c * d;
      return c * d;
    };
    advance(m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)));
    double last =
        advance(-(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)));
    if (std::abs(last - 1) < 1e-15)
      break;
  }
  return value;
}

static double regularisedBeta(double a, double b, double x) {
  if (x <= 0)
    return 0;
  if (x >= 1)
    return 1;
  double front = std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) +
                          a * std::log(x) + b * std::log1p(-x));
  // The fraction converges quickly on this side only.
  if (x < (a + 1) / (a + b + 2))
    return front * betaFraction(a, b, x) / a;
  return 1 - front * betaFraction(b, a, 1 - x) / b;
}

static double studentBelow(double t, double degrees) {
  double tail =
      0.5 * regularisedBeta(degrees / 2, 0.5, degrees / (degrees + t * t));
  return t > 0 ? 1 - tail : tail;
}

double mixln::report::studentQuantile(double p, double degrees) {
  if (!(p > 0 && p < 1 && degrees > 0))
    return kNaN;
  double low = -1, high = 1;
  while (studentBelow(low, degrees) > p)
    low *= 2;
  while (studentBelow(high, degrees) < p)
    high *= 2;
  for (int i = 0; i < 200; ++i) {
    double middle = (low + high) / 2;
    (studentBelow(middle, degrees) < p ? low : high) = middle;
  }
  return (low + high) / 2;
}

/// Means of all n^n resamples, sorted.
static std::vector<double> resampledMeans(const std::vector<double> &values) {
  size_t n = values.size(), count = 1;
  for (size_t i = 0; i < n; ++i)
    count *= n;
  std::vector<double> means;
  means.reserve(count);
  for (size_t k = 0; k < count; ++k) {
    double sum = 0;
    for (size_t i = 0, rest = k; i < n; ++i, rest /= n)
      sum += values[rest % n];
    means.push_back(sum / static_cast<double>(n));
  }
  std::sort(means.begin(), means.end());
  return means;
}

Estimate mixln::report::estimateMean(const std::vector<double> &values) {
  Estimate estimate;
  size_t n = values.size();
  estimate.count = static_cast<int>(n);
  estimate.low = estimate.high = kNaN;
  estimate.bootstrapLow = estimate.bootstrapHigh = kNaN;
  double sum = 0, squares = 0;
  for (double value : values)
    sum += value;
  estimate.mean = n ? sum / static_cast<double>(n) : kNaN;
  if (n < 2)
    return estimate;
  for (double value : values)
    squares += (value - estimate.mean) * (value - estimate.mean);
  double degrees = static_cast<double>(n - 1);
  double half = studentQuantile(0.975, degrees) *
                std::sqrt(squares / degrees / static_cast<double>(n));
  estimate.low = estimate.mean - half;
  estimate.high = estimate.mean + half;
  if (n <= kMostEnumerated) {
    std::vector<double> means = resampledMeans(values);
    auto at = [&](double p) {
      return means[static_cast<size_t>(
          std::lround(p * static_cast<double>(means.size() - 1)))];
    };
    estimate.bootstrapLow = at(0.025);
    estimate.bootstrapHigh = at(0.975);
  }
  return estimate;
}
