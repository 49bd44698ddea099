//===- Sampler.h - Which token comes next -----------------------*- C++ -*-===//

#ifndef MIXLN_RT_GENERATE_SAMPLER_H
#define MIXLN_RT_GENERATE_SAMPLER_H

#include <cstdint>
#include <utility>
#include <vector>

namespace mixln::rt {

struct Sampling {
  double temperature = 1; ///< 0: the most probable token
  int64_t topK = 0;       ///< the most probable ones alone; 0 = all
  double topP = 1;        ///< as many of those as reach this share
  uint64_t seed = 0;
};

/// Tokens that may come next with their probabilities, the most probable first
/// (of equal ones the smaller id): softmax of logits / temperature, of the
/// first top_k of it, of as few of those as sum up to top_p or more.
std::vector<std::pair<int32_t, double>>
candidates(const std::vector<float> &logits, const Sampling &sampling);

/// Draws a token; the number it is drawn with depends on the seed, the sample
/// and the position alone.
int32_t drawToken(const std::vector<float> &logits, const Sampling &sampling,
                  int64_t sample, int64_t position);

} // namespace mixln::rt

#endif // MIXLN_RT_GENERATE_SAMPLER_H
