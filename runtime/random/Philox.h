//===- Philox.h - Counter-based random numbers ------------------*- C++ -*-===//
//
// Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2,
// 3", 2011): the i-th number is a function of a key and i, so any part of a
// tensor can be filled by any thread.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_RT_RANDOM_PHILOX_H
#define MIXLN_RT_RANDOM_PHILOX_H

#include <array>
#include <cstdint>
#include <string_view>

namespace mixln::rt {

std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter,
                                   std::array<uint32_t, 2> key);

/// The key of a named stream of numbers.
std::array<uint32_t, 2> streamKey(uint64_t seed, std::string_view name);

/// Elements [first, first + count) of the standard normal stream of `key`.
void fillNormal(std::array<uint32_t, 2> key, int64_t first, int64_t count,
                double deviation, float *out);

} // namespace mixln::rt

#endif // MIXLN_RT_RANDOM_PHILOX_H
