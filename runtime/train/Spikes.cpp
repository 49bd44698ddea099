//===- Spikes.cpp ---------------------------------------------------------===//

#include "train/Spikes.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace mixln::rt;

double RecentValues::limit(double zscore) const {
  if (values.size() < kNeeded)
    return std::numeric_limits<double>::infinity();
  double mean = 0, square = 0;
  for (double value : values)
    mean += value;
  mean /= double(values.size());
  for (double value : values)
    square += (value - mean) * (value - mean);
  double deviation = std::sqrt(square / double(values.size()));
  // A series that hardly moves must not make outliers of its noise.
  return mean + zscore * std::max(deviation, 1e-3 * std::abs(mean));
}

void RecentValues::add(double value, double limit) {
  if (values.size() == kKept)
    values.erase(values.begin());
  values.push_back(std::min(value, limit));
}

const char *SpikeGuard::check(double loss, double gradNorm, double zscore) {
  double lossLimit = losses.limit(zscore), normLimit = norms.limit(zscore);
  losses.add(loss, lossLimit);
  norms.add(gradNorm, normLimit);
  if (loss > lossLimit)
    return "loss";
  return gradNorm > normLimit ? "grad_norm" : nullptr;
}
