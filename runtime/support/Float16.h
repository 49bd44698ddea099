//===- Float16.h - IEEE half precision on the host --------------*- C++ -*-===//

#ifndef MIXLN_RT_SUPPORT_FLOAT16_H
#define MIXLN_RT_SUPPORT_FLOAT16_H

#include <bit>
#include <cstdint>

namespace mixln::rt {

/// Every half-precision number is one of single precision.
inline float fromFloat16(uint16_t bits) {
  uint32_t sign = uint32_t(bits & 0x8000) << 16;
  uint32_t exponent = bits >> 10 & 0x1f, fraction = bits & 0x3ff;
  if (exponent == 0) // a multiple of 2^-24
    return std::bit_cast<float>(
        sign | std::bit_cast<uint32_t>(float(fraction) * 0x1p-24f));
  exponent = exponent == 0x1f ? 0xff : exponent + 127 - 15;
  return std::bit_cast<float>(sign | exponent << 23 | fraction << 13);
}

} // namespace mixln::rt

#endif // MIXLN_RT_SUPPORT_FLOAT16_H
