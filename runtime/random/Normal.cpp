//===- Normal.cpp - Normal numbers from Philox's words --------------------===//
//
// A block of four words makes a pair of normals (Box and Muller). What counts
// is the scalar code with the C library's log, cos and sin; the vector code
// computes eight blocks at once to within kError and is believed only where
// that much could not change the float that the number is rounded to.
//
//===----------------------------------------------------------------------===//

#include "random/Philox.h"

#include <cmath>
#include <cstring>
#include <numbers>

using namespace mixln::rt;

// Uniform in (0, 1], 53 bits: the logarithm of it is finite.
static double uniform(uint32_t high, uint32_t low) {
  uint64_t bits = (uint64_t(high) << 32 | low) >> 11;
  return double(bits + 1) * 0x1p-53;
}

static std::array<float, 2> normalPair(std::array<uint32_t, 2> key,
                                       uint64_t block, double deviation) {
  auto words = philox4x32({uint32_t(block), uint32_t(block >> 32), 0, 0}, key);
  double radius =
      deviation * std::sqrt(-2 * std::log(uniform(words[0], words[1])));
  double angle = 2 * std::numbers::pi * uniform(words[2], words[3]);
  return {static_cast<float>(radius * std::cos(angle)),
          static_cast<float>(radius * std::sin(angle))};
}

//===----------------------------------------------------------------------===//
// Eight blocks at once
//===----------------------------------------------------------------------===//

namespace {

constexpr int kLanes = 8;
using Words = uint64_t __attribute__((vector_size(8 * kLanes)));
using Reals = double __attribute__((vector_size(8 * kLanes)));

/// Largest relative error of the vector code: a hundred times what its
/// polynomials and roundings add up to.
constexpr double kError = 1e-13;

} // namespace

#define MIXLN_INLINE static inline __attribute__((always_inline))

MIXLN_INLINE Reals fma(Reals a, Reals b, Reals c) {
  return __builtin_elementwise_fma(a, b, c);
}
MIXLN_INLINE Reals splat(double value) { return value - Reals{}; }

template <typename To, typename From> MIXLN_INLINE To bitsOf(From from) {
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}

template <size_t count>
MIXLN_INLINE Reals polynomial(Reals x, const double (&coefficients)[count]) {
  Reals sum = splat(coefficients[count - 1]);
  for (size_t i = count - 1; i-- > 0;)
    sum = fma(sum, x, splat(coefficients[i]));
  return sum;
}

/// The four words of eight blocks, each in its own vector.
MIXLN_INLINE void philox(Words counter[4], std::array<uint32_t, 2> key) {
  constexpr uint64_t kLow = 0xffffffff;
  for (int round = 0; round < 10; ++round) {
    Words product0 = (counter[0] & kLow) * 0xD2511F53u;
    Words product1 = (counter[2] & kLow) * 0xCD9E8D57u;
    counter[0] = (product1 >> 32) ^ counter[1] ^ key[0];
    counter[2] = (product0 >> 32) ^ counter[3] ^ key[1];
    counter[1] = product1 & kLow;
    counter[3] = product0 & kLow;
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
}

MIXLN_INLINE Reals uniform(Words high, Words low) {
  Words bits = (high << 32 | low) >> 11;
  return __builtin_convertvector(bits + 1, Reals) * 0x1p-53;
}

/// The logarithm of numbers in (0, 1].
MIXLN_INLINE Reals logarithm(Reals x) {
  // x = 2^e * m with m between the roots of 1/2 and 2.
  constexpr uint64_t kRootHalf = 0x3fe6a09e667f3bcd;
  Words bits = bitsOf<Words>(x);
  Words shifted = (bits - kRootHalf) & ~((uint64_t(1) << 52) - 1);
  Reals m = bitsOf<Reals>(bits - shifted);
  // At most 0: counted downwards.
  Words down = (uint64_t(0) - shifted) >> 52;
  Reals e = -__builtin_convertvector(down, Reals);
  // log(m) = 2 atanh(s), s = (m - 1) / (m + 1).
  Reals f = m - 1.0;
  Reals s = f / (2.0 + f);
  const double series[] = {2.0 / 3,  2.0 / 5,  2.0 / 7,  2.0 / 9,  2.0 / 11,
                           2.0 / 13, 2.0 / 15, 2.0 / 17, 2.0 / 19, 2.0 / 21};
  Reals z = s * s;
  Reals tail = s * z * polynomial(z, series);
  return fma(e, splat(std::numbers::ln2), fma(splat(2), s, tail));
}

/// Sine and cosine of angles in [0, 2 pi].
MIXLN_INLINE void sineAndCosine(Reals angle, Reals &sine, Reals &cosine) {
  // The nearest multiple of pi / 2, from the bits of a sum that has no others.
  constexpr double kShift = 0x1.8p52;
  Reals shifted = angle * (2 / std::numbers::pi) + kShift;
  Words quarter = bitsOf<Words>(shifted) & 3;
  Reals n = shifted - kShift;
  // pi / 2 in two parts.
  Reals r = fma(n, splat(-0x1.921fb54442d18p0), angle);
  r = fma(n, splat(-0x1.1a62633145c07p-54), r);
  const double ofSine[] = {-1.0 / 6,
                           1.0 / 120,
                           -1.0 / 5040,
                           1.0 / 362880,
                           -1.0 / 39916800,
                           1.0 / 6227020800,
                           -1.0 / 1307674368000,
                           1.0 / 355687428096000};
  const double ofCosine[] = {-1.0 / 2,           1.0 / 24,
                             -1.0 / 720,         1.0 / 40320,
                             -1.0 / 3628800,     1.0 / 479001600,
                             -1.0 / 87178291200, 1.0 / 20922789888000};
  Reals z = r * r;
  Reals s = fma(r * z, polynomial(z, ofSine), r);
  Reals c = fma(z, polynomial(z, ofCosine), splat(1));
  auto swapped = (quarter & 1) != 0;
  auto pick = [&](Reals yes, Reals no) {
    auto mask = bitsOf<Words>(swapped);
    return bitsOf<Reals>((bitsOf<Words>(yes) & mask) |
                         (bitsOf<Words>(no) & ~mask));
  };
  auto negate = [](Reals value, Words when) {
    return bitsOf<Reals>(bitsOf<Words>(value) ^ when << 63);
  };
  sine = negate(pick(c, s), quarter >> 1);
  cosine = negate(pick(s, c), ((quarter + 1) >> 1) & 1);
}

/// Pairs of the blocks from `block`, [2 * kLanes] floats.
MIXLN_INLINE void normalLanes(std::array<uint32_t, 2> key, uint64_t block,
                              double deviation, float *out) {
  Words counter[4] = {};
  for (int lane = 0; lane < kLanes; ++lane) {
    counter[0][lane] = uint32_t(block + lane);
    counter[1][lane] = (block + lane) >> 32;
  }
  philox(counter, key);
  Reals logs = -2.0 * logarithm(uniform(counter[0], counter[1]));
  Reals radius = deviation * __builtin_elementwise_sqrt(logs);
  Reals sine, cosine;
  sineAndCosine(2 * std::numbers::pi * uniform(counter[2], counter[3]), sine,
                cosine);
  Reals values[2] = {radius * cosine, radius * sine};
  using Floats = float __attribute__((vector_size(4 * kLanes)));
  Floats less[2], more[2];
  for (int i = 0; i < 2; ++i) {
    less[i] = __builtin_convertvector(values[i] * (1 - kError), Floats);
    more[i] = __builtin_convertvector(values[i] * (1 + kError), Floats);
  }
  auto same = (less[0] == more[0]) & (less[1] == more[1]);
  for (int lane = 0; lane < kLanes; ++lane) {
    out[2 * lane] = less[0][lane];
    out[2 * lane + 1] = less[1][lane];
  }
  if (__builtin_reduce_and(same) == 0)
    for (int lane = 0; lane < kLanes; ++lane)
      if (!same[lane]) {
        auto pair = normalPair(key, block + lane, deviation);
        out[2 * lane] = pair[0];
        out[2 * lane + 1] = pair[1];
      }
}

/// Fills `groups` times kLanes blocks.
using FillBlocks = void (*)(std::array<uint32_t, 2>, uint64_t, int64_t, double,
                            float *);
__attribute__((target("avx512f,avx512dq,avx512vl,fma"))) static void
fillBlocks512(std::array<uint32_t, 2> key, uint64_t block, int64_t groups,
              double deviation, float *out) {
  for (int64_t i = 0; i < groups; ++i)
    normalLanes(key, block + i * kLanes, deviation, out + i * 2 * kLanes);
}
__attribute__((target("avx2,fma"))) static void
fillBlocks256(std::array<uint32_t, 2> key, uint64_t block, int64_t groups,
              double deviation, float *out) {
  for (int64_t i = 0; i < groups; ++i)
    normalLanes(key, block + i * kLanes, deviation, out + i * 2 * kLanes);
}

/// Null on a CPU that has neither.
static FillBlocks chooseFill() {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl"))
    return fillBlocks512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return fillBlocks256;
  return nullptr;
}

void mixln::rt::fillNormal(std::array<uint32_t, 2> key, int64_t first,
                           int64_t count, double deviation, float *out) {
  static const FillBlocks fillBlocks = chooseFill();
  int64_t index = first, end = first + count;
  auto single = [&] {
    out[index - first] = normalPair(key, index / 2, deviation)[index % 2];
    ++index;
  };
  if (fillBlocks) {
    if (index < end && index % 2 != 0)
      single();
    int64_t groups = (end - index) / (2 * kLanes);
    fillBlocks(key, index / 2, groups, deviation, out + (index - first));
    index += groups * 2 * kLanes;
  }
  while (index < end)
    single();
}
