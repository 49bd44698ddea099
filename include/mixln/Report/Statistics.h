//===- Statistics.h - Means and intervals over seeds ------------*- C++ -*-===//

#ifndef MIXLN_REPORT_STATISTICS_H
#define MIXLN_REPORT_STATISTICS_H

#include <vector>

namespace mixln::report {

/// The t for which a fraction `p` of Student's distribution lies below.
double studentQuantile(double p, double degreesOfFreedom);

/// A mean and its 95 % intervals. The t interval holds if the values are
/// drawn from a normal distribution; with two or three values it is wide, and
/// rightly so. The bootstrap interval assumes no distribution, is exact (every
/// resample is counted, none is drawn), and is too narrow for few values.
struct Estimate {
  double mean = 0;
  int count = 0;
  double low, high;                   ///< by t; NaN for fewer than two values
  double bootstrapLow, bootstrapHigh; ///< NaN outside of 2 ... 6 values
};

Estimate estimateMean(const std::vector<double> &values);

} // namespace mixln::report

#endif // MIXLN_REPORT_STATISTICS_H
