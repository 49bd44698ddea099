//===- Philox.cpp ---------------------------------------------------------===//

#include "random/Philox.h"
#include "support/Hash.h"

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
