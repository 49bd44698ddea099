//===- Sampler.cpp --------------------------------------------------------===//

#include "generate/Sampler.h"
#include "random/Philox.h"
#include "support/Errors.h"

#include <algorithm>
#include <cmath>

using namespace mixln::rt;

using Candidates = std::vector<std::pair<int32_t, double>>;

static void normalise(Candidates &list) {
  double sum = 0;
  for (const auto &one : list)
    sum += one.second;
  for (auto &one : list)
    one.second /= sum;
}

Candidates mixln::rt::candidates(const std::vector<float> &logits,
                                 const Sampling &sampling) {
  Candidates list;
  for (size_t id = 0; id < logits.size(); ++id) {
    if (!std::isfinite(logits[id]))
      runFailed("the logit of token ", id, " is ", logits[id],
                ", expected a finite number");
    list.emplace_back(static_cast<int32_t>(id), double(logits[id]));
  }
  auto before = [](const auto &a, const auto &b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  };
  size_t kept = list.size();
  if (sampling.temperature == 0)
    kept = 1;
  else if (sampling.topK > 0)
    kept = std::min(kept, static_cast<size_t>(sampling.topK));
  std::partial_sort(list.begin(), list.begin() + kept, list.end(), before);
  list.resize(kept);
  double temperature = sampling.temperature == 0 ? 1 : sampling.temperature;
  double largest = list.front().second;
  for (auto &one : list)
    one.second = std::exp((one.second - largest) / temperature);
  normalise(list);
  double sum = 0;
  for (size_t i = 0; i < list.size(); ++i) {
    sum += list[i].second;
    if (sum >= sampling.topP) {
      list.resize(i + 1);
      break;
    }
  }
  normalise(list);
  return list;
}

int32_t mixln::rt::drawToken(const std::vector<float> &logits,
                             const Sampling &sampling, int64_t sample,
                             int64_t position) {
  Candidates list = candidates(logits, sampling);
  if (list.size() == 1)
    return list.front().first;
  std::array<uint32_t, 4> bits = philox4x32(
      {static_cast<uint32_t>(position), static_cast<uint32_t>(position >> 32),
       static_cast<uint32_t>(sample), static_cast<uint32_t>(sample >> 32)},
      streamKey(sampling.seed, "generate"));
  double drawn = (double(bits[0]) * 0x1p21 + double(bits[1] >> 11)) * 0x1p-53;
  for (const auto &one : list) {
    drawn -= one.second;
    if (drawn < 0)
      return one.first;
  }
  // Rounding left a rest.
  return list.back().first;
}
