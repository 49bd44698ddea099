//===- Philox.cpp ---------------------------------------------------------===//

#include "random/Philox.h"
#include "support/Hash.h"

#include <cmath>
#include <numbers>

using namespace mixln::rt;

std::array<uint32_t, 4> mixln::rt::philox4x32(std::array<uint32_t, 4> counter,
                                              std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    uint64_t product0 = uint64_t(0xD2511F53u) * counter[0];
    uint64_t product1 = uint64_t(0xCD9E8D57u) * counter[2];
    counter = {
        uint32_t(product1 >> 32) ^ counter[1] ^ key[0], uint32_t(product1),
        uint32_t(product0 >> 32) ^ counter[3] ^ key[1], uint32_t(product0)};
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return counter;
}

std::array<uint32_t, 2> mixln::rt::streamKey(uint64_t seed,
                                             std::string_view name) {
  uint64_t hash = hashBytes(name.data(), name.size(), seed);
  return {uint32_t(hash), uint32_t(hash >> 32)};
}

// Uniform in (0, 1], 53 bits: the logarithm of it is finite.
static double uniform(uint32_t high, uint32_t low) {
  uint64_t bits = (uint64_t(high) << 32 | low) >> 11;
  return double(bits + 1) * 0x1p-53;
}

void mixln::rt::fillNormal(std::array<uint32_t, 2> key, int64_t first,
                           int64_t count, double deviation, float *out) {
  // A block of four words makes a pair of normals (Box and Muller).
  for (int64_t block = first / 2; block * 2 < first + count; ++block) {
    auto words = philox4x32(
        {uint32_t(block), uint32_t(uint64_t(block) >> 32), 0, 0}, key);
    double radius =
        deviation * std::sqrt(-2 * std::log(uniform(words[0], words[1])));
    double angle = 2 * std::numbers::pi * uniform(words[2], words[3]);
    double pair[2] = {radius * std::cos(angle), radius * std::sin(angle)};
    for (int64_t j = 0; j < 2; ++j) {
      int64_t index = block * 2 + j;
      if (index >= first && index < first + count)
        out[index - first] = static_cast<float>(pair[j]);
    }
  }
}
