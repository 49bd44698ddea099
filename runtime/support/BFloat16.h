//===- BFloat16.h - bf16 numbers on the host --------------------*- C++ -*-===//

#ifndef MIXLN_RT_SUPPORT_BFLOAT16_H
#define MIXLN_RT_SUPPORT_BFLOAT16_H

#include <bit>
#include <cstdint>

namespace mixln::rt {

/// The bits of the nearest bf16, ties to even; a NaN stays one.
inline uint16_t toBFloat16(float value) {
  auto bits = std::bit_cast<uint32_t>(value);
  if (value != value)
    return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

inline float fromBFloat16(uint16_t bits) {
  return std::bit_cast<float>(uint32_t(bits) << 16);
}

} // namespace mixln::rt

#endif // MIXLN_RT_SUPPORT_BFLOAT16_H
