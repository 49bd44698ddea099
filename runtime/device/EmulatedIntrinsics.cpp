//===- EmulatedIntrinsics.cpp - What emulated kernels call ----------------===//
//
// By the definitions of the PTX ISA. Names and how arguments travel:
// mixln-rt/emulated-intrinsics.def.
//
//===----------------------------------------------------------------------===//

#include "device/EmulatedBlock.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <string>
#include <utility>

using namespace mixln::rt;

static EmulatedBlock &block() { return EmulatedBlock::current(); }

#define EMULATED(result, name) extern "C" result mixln_emu_##name

//===----------------------------------------------------------------------===//
// Memory and special registers
//===----------------------------------------------------------------------===//

EMULATED(char *, shared)() { return block().shared(); }

/// `kind`: 1 for a write, and the alignment that the code counts on << 1.
EMULATED(void, access)(const char *pointer, int64_t bytes, int32_t kind) {
  block().access(pointer, bytes, kind & 1, kind >> 1);
}

#define REGISTER(name, value)                                                  \
  EMULATED(int32_t, read_ptx_sreg_##name)() {                                  \
    return static_cast<int32_t>(value);                                        \
  }
REGISTER(tid_x, block().thread())
REGISTER(tid_y, 0)
REGISTER(tid_z, 0)
REGISTER(ntid_x, block().threads())
REGISTER(ntid_y, 1)
REGISTER(ntid_z, 1)
REGISTER(ctaid_x, block().block())
REGISTER(ctaid_y, 0)
REGISTER(ctaid_z, 0)
REGISTER(nctaid_x, block().blocks())
REGISTER(nctaid_y, 1)
REGISTER(nctaid_z, 1)
REGISTER(laneid, block().lane())
REGISTER(warpid, block().thread() / EmulatedWarp::kLanes)
REGISTER(warpsize, EmulatedWarp::kLanes)

//===----------------------------------------------------------------------===//
// Barriers
//===----------------------------------------------------------------------===//

EMULATED(void, barrier_cta_sync_all)(int32_t id) {
  block().barrier(id, block().threads(), 0);
}
EMULATED(void, barrier_cta_sync_aligned_all)(int32_t id) {
  block().barrier(id, block().threads(), 0);
}
EMULATED(void, barrier_cta_sync_count)(int32_t id, int32_t threads) {
  block().barrier(id, threads, 0);
}
EMULATED(void, barrier_cta_sync_aligned_count)(int32_t id, int32_t threads) {
  block().barrier(id, threads, 0);
}
EMULATED(int32_t, barrier_cta_red_popc_aligned_all)(int32_t id, int32_t value) {
  return static_cast<int32_t>(
      block().barrier(id, block().threads(), value != 0));
}
EMULATED(int32_t, barrier_cta_red_and_aligned_all)(int32_t id, int32_t value) {
  return block().barrier(id, block().threads(), value != 0) ==
         block().threads();
}
EMULATED(int32_t, barrier_cta_red_or_aligned_all)(int32_t id, int32_t value) {
  return block().barrier(id, block().threads(), value != 0) != 0;
}
EMULATED(void, bar_warp_sync)(int32_t mask) {
  block().meet("bar.warp.sync", static_cast<uint32_t>(mask),
               [](EmulatedWarp &warp) { ++warp.syncs; });
}
EMULATED(void, membar_cta)() {}
EMULATED(void, membar_gl)() {}

//===----------------------------------------------------------------------===//
// Between the lanes of a warp
//===----------------------------------------------------------------------===//

namespace {
enum class Shuffle { Bfly, Down, Up, Idx };
struct Shuffled {
  uint32_t value;
  bool valid;
};
} // namespace

/// The lane that `lane` reads from, and whether there is one.
static std::pair<int, bool> sourceOf(Shuffle mode, int lane, int32_t b,
                                     int32_t c) {
  int distance = b & 31, clamp = c & 31, segment = c >> 8 & 31;
  int most = (lane & segment) | (clamp & ~segment);
  int source = mode == Shuffle::Bfly   ? lane ^ distance
               : mode == Shuffle::Down ? lane + distance
               : mode == Shuffle::Up ? lane - distance
                                     : (lane & segment) | (distance & ~segment);
  bool valid = mode == Shuffle::Up ? source >= most : source <= most;
  return {valid ? source : lane, valid};
}

static Shuffled shuffle(Shuffle mode, int32_t mask, uint32_t value, int32_t b,
                        int32_t c) {
  EmulatedBlock &own = block();
  int lane = own.lane();
  auto [source, valid] = sourceOf(mode, lane, b, c);
  uint32_t members = static_cast<uint32_t>(mask) & own.lanesOfWarp();
  if (!(members >> source & 1))
    own.fail("shfl.sync from lane " + std::to_string(source) +
             ", which takes no part");
  own.warp().in[lane][0] = value;
  own.warp().in[lane][1] = static_cast<uint32_t>(source);
  // Lanes that take no part may still have to take what they got before.
  own.meet("shfl.sync", members, [](EmulatedWarp &warp) {
    for (int lane = 0; lane < EmulatedWarp::kLanes; ++lane)
      if (warp.arrived >> lane & 1)
        warp.out[lane][0] = warp.in[warp.in[lane][1]][0];
  });
  return {own.warp().out[lane][0], valid};
}

#define SHUFFLE(name, mode)                                                    \
  EMULATED(int32_t, shfl_sync_##name##_i32)                                    \
  (int32_t mask, int32_t value, int32_t b, int32_t c) {                        \
    return static_cast<int32_t>(                                               \
        shuffle(mode, mask, static_cast<uint32_t>(value), b, c).value);        \
  }                                                                            \
  EMULATED(float, shfl_sync_##name##_f32)                                      \
  (int32_t mask, float value, int32_t b, int32_t c) {                          \
    return std::bit_cast<float>(                                               \
        shuffle(mode, mask, std::bit_cast<uint32_t>(value), b, c).value);      \
  }                                                                            \
  EMULATED(void, shfl_sync_##name##_i32p)                                      \
  (Shuffled * out, int32_t mask, int32_t value, int32_t b, int32_t c) {        \
    *out = shuffle(mode, mask, static_cast<uint32_t>(value), b, c);            \
  }                                                                            \
  EMULATED(void, shfl_sync_##name##_f32p)                                      \
  (Shuffled * out, int32_t mask, float value, int32_t b, int32_t c) {          \
    *out = shuffle(mode, mask, std::bit_cast<uint32_t>(value), b, c);          \
  }
SHUFFLE(bfly, Shuffle::Bfly)
SHUFFLE(down, Shuffle::Down)
SHUFFLE(up, Shuffle::Up)
SHUFFLE(idx, Shuffle::Idx)

/// The values of all lanes in the mask joined by `join`, for all of them.
template <typename Join>
static uint32_t reduce(const char *operation, int32_t mask, uint32_t value,
                       const Join &join) {
  EmulatedBlock &own = block();
  own.warp().in[own.lane()][0] = value;
  own.meet(operation, static_cast<uint32_t>(mask), [&](EmulatedWarp &warp) {
    bool first = true;
    uint32_t result = 0;
    for (int lane = 0; lane < EmulatedWarp::kLanes; ++lane)
      if (warp.arrived >> lane & 1) {
        uint32_t next = warp.in[lane][0];
        result = first ? next : join(result, next);
        first = false;
      }
    for (int lane = 0; lane < EmulatedWarp::kLanes; ++lane)
      if (warp.arrived >> lane & 1)
        warp.out[lane][0] = result;
  });
  return own.warp().out[own.lane()][0];
}

static uint32_t ballot(const char *operation, int32_t mask, int32_t value) {
  uint32_t bit = value ? uint32_t(1) << block().lane() : 0;
  return reduce(operation, mask, bit,
                [](uint32_t a, uint32_t b) { return a | b; });
}

EMULATED(int32_t, vote_all_sync)(int32_t mask, int32_t value) {
  return reduce("vote.all", mask, value != 0,
                [](uint32_t a, uint32_t b) { return a & b; });
}
EMULATED(int32_t, vote_any_sync)(int32_t mask, int32_t value) {
  return reduce("vote.any", mask, value != 0,
                [](uint32_t a, uint32_t b) { return a | b; });
}
EMULATED(int32_t, vote_uni_sync)(int32_t mask, int32_t value) {
  uint32_t votes = ballot("vote.uni", mask, value);
  return votes == 0 ||
         votes == (static_cast<uint32_t>(mask) & block().lanesOfWarp());
}
EMULATED(int32_t, vote_ballot_sync)(int32_t mask, int32_t value) {
  return static_cast<int32_t>(ballot("vote.ballot", mask, value));
}

#define REDUX(name, expression)                                                \
  EMULATED(int32_t, redux_sync_##name)(int32_t value, int32_t mask) {          \
    return static_cast<int32_t>(reduce(                                        \
        "redux.sync." #name, mask, static_cast<uint32_t>(value),               \
        [](uint32_t a, uint32_t b) -> uint32_t { return expression; }));       \
  }
REDUX(add, a + b)
REDUX(and, a &b)
REDUX(or, a | b)
REDUX(xor, a ^ b)
REDUX(umin, std::min(a, b))
REDUX(umax, std::max(a, b))
REDUX(min, static_cast<uint32_t>(std::min(static_cast<int32_t>(a),
                                          static_cast<int32_t>(b))))
REDUX(max, static_cast<uint32_t>(std::max(static_cast<int32_t>(a),
                                          static_cast<int32_t>(b))))

//===----------------------------------------------------------------------===//
// Tensor cores
//===----------------------------------------------------------------------===//

static uint32_t pair(uint16_t low, uint16_t high) {
  return low | static_cast<uint32_t>(high) << 16;
}

/// `matrices` 8x8 matrices of 16 bits; lanes 8 i to 8 i + 7 name the rows of
/// matrix i.
template <int matrices, bool transposed>
static void loadMatrices(uint32_t *out, const char *row) {
  EmulatedBlock &own = block();
  if (own.lane() < 8 * matrices)
    own.access(row, 16, /*isWrite=*/false, 16);
  auto address = reinterpret_cast<uint64_t>(row);
  std::memcpy(own.warp().in[own.lane()].data(), &address, sizeof address);
  own.meet(
      transposed ? "ldmatrix.trans" : "ldmatrix", ~uint32_t(0),
      [](EmulatedWarp &warp) {
        for (int matrix = 0; matrix < matrices; ++matrix) {
          uint16_t m[8][8];
          for (int i = 0; i < 8; ++i) {
            uint64_t from;
            std::memcpy(&from, warp.in[8 * matrix + i].data(), sizeof from);
            std::memcpy(m[i], reinterpret_cast<const void *>(from), 16);
          }
          for (int lane = 0; lane < EmulatedWarp::kLanes; ++lane) {
            int i = lane / 4, j = 2 * (lane % 4);
            warp.out[lane][matrix] = transposed ? pair(m[j][i], m[j + 1][i])
                                                : pair(m[i][j], m[i][j + 1]);
          }
        }
      });
  std::memcpy(out, own.warp().out[own.lane()].data(),
              matrices * sizeof(uint32_t));
}

EMULATED(int32_t, ldmatrix_sync_aligned_m8n8_x1_b16)(const char *row) {
  uint32_t out;
  loadMatrices<1, false>(&out, row);
  return static_cast<int32_t>(out);
}
EMULATED(int32_t, ldmatrix_sync_aligned_m8n8_x1_trans_b16)(const char *row) {
  uint32_t out;
  loadMatrices<1, true>(&out, row);
  return static_cast<int32_t>(out);
}
EMULATED(void, ldmatrix_sync_aligned_m8n8_x2_b16)
(uint32_t *out, const char *row) { loadMatrices<2, false>(out, row); }
EMULATED(void, ldmatrix_sync_aligned_m8n8_x2_trans_b16)
(uint32_t *out, const char *row) { loadMatrices<2, true>(out, row); }
EMULATED(void, ldmatrix_sync_aligned_m8n8_x4_b16)
(uint32_t *out, const char *row) { loadMatrices<4, false>(out, row); }
EMULATED(void, ldmatrix_sync_aligned_m8n8_x4_trans_b16)
(uint32_t *out, const char *row) { loadMatrices<4, true>(out, row); }

static float half(uint32_t pair, int which) {
  return std::bit_cast<float>(which ? pair & 0xffff0000u : pair << 16);
}

/// D[16][8] = A[16][depth] B[depth][8] + C. A lane holds of A the words
/// (row g or g + 8, columns 2t and 2t + 1 of each eight), of B (rows 2t and
/// 2t + 1 of each eight, column g), of C rows g and g + 8, columns 2t and
/// 2t + 1, for g = lane / 4 and t = lane % 4.
template <int depth> static void multiply(EmulatedWarp &warp) {
  constexpr int eights = depth / 8, numA = 2 * eights, numB = eights;
  float a[16][depth], b[depth][8];
  for (int lane = 0; lane < EmulatedWarp::kLanes; ++lane) {
    int g = lane / 4, t = lane % 4;
    const auto &in = warp.in[lane];
    for (int eight = 0; eight < eights; ++eight)
      for (int which = 0; which < 2; ++which) {
        int column = 8 * eight + 2 * t + which;
        a[g][column] = half(in[2 * eight], which);
        a[g + 8][column] = half(in[2 * eight + 1], which);
        b[column][g] = half(in[numA + eight], which);
      }
  }
  for (int lane = 0; lane < EmulatedWarp::kLanes; ++lane)
    for (int i = 0; i < 4; ++i) {
      int row = lane / 4 + 8 * (i / 2), column = 2 * (lane % 4) + i % 2;
      // Products of bf16 are exact in f32; so is nearly all of their sum in
      // double, which a tensor core comes as close to as it can.
      double sum = std::bit_cast<float>(warp.in[lane][numA + numB + i]);
      for (int k = 0; k < depth; ++k)
        sum += static_cast<double>(a[row][k]) * b[k][column];
      warp.out[lane][i] = std::bit_cast<uint32_t>(static_cast<float>(sum));
    }
}

EMULATED(void, mma_m16n8k16_row_col_bf16)
(uint32_t *out, uint32_t a0, uint32_t a1, uint32_t a2, uint32_t a3, uint32_t b0,
 uint32_t b1, float c0, float c1, float c2, float c3) {
  EmulatedBlock &own = block();
  own.warp().in[own.lane()] = {a0,
                               a1,
                               a2,
                               a3,
                               b0,
                               b1,
                               std::bit_cast<uint32_t>(c0),
                               std::bit_cast<uint32_t>(c1),
                               std::bit_cast<uint32_t>(c2),
                               std::bit_cast<uint32_t>(c3)};
  own.meet("mma.m16n8k16", ~uint32_t(0), multiply<16>);
  std::memcpy(out, own.warp().out[own.lane()].data(), 4 * sizeof(uint32_t));
}

EMULATED(void, mma_m16n8k8_row_col_bf16)
(uint32_t *out, uint32_t a0, uint32_t a1, uint32_t b0, float c0, float c1,
 float c2, float c3) {
  EmulatedBlock &own = block();
  own.warp().in[own.lane()] = {a0,
                               a1,
                               b0,
                               std::bit_cast<uint32_t>(c0),
                               std::bit_cast<uint32_t>(c1),
                               std::bit_cast<uint32_t>(c2),
                               std::bit_cast<uint32_t>(c3)};
  own.meet("mma.m16n8k8", ~uint32_t(0), multiply<8>);
  std::memcpy(out, own.warp().out[own.lane()].data(), 4 * sizeof(uint32_t));
}

//===----------------------------------------------------------------------===//
// Copies that arrive when they are waited for
//===----------------------------------------------------------------------===//

#define COPY(name, size)                                                       \
  EMULATED(void, cp_async_##name##_##size)(char *to, const char *from) {       \
    block().copyLater(to, from, size, 0);                                      \
  }                                                                            \
  EMULATED(void, cp_async_##name##_##size##_s)                                 \
  (char *to, const char *from, int32_t bytes) {                                \
    block().copyLater(to, from, std::min(bytes, size),                         \
                      size - std::min(bytes, size));                           \
  }
COPY(ca_shared_global, 4)
COPY(ca_shared_global, 8)
COPY(ca_shared_global, 16)
COPY(cg_shared_global, 16)

EMULATED(void, cp_async_commit_group)() { block().closeCopyGroup(); }
EMULATED(void, cp_async_wait_group)(int32_t groups) {
  block().waitForCopies(groups);
}
EMULATED(void, cp_async_wait_all)() { block().waitForCopies(-1); }

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

/// `exact` moved by at most `error` of its size, always the same for the same
/// input: an approximate instruction is wrong in its own way, not at random.
static float blur(double exact, double error, float input, float second = 0) {
  if (!std::isfinite(exact) || exact == 0)
    return static_cast<float>(exact);
  uint64_t bits = std::bit_cast<uint32_t>(input) * 0x9e3779b97f4a7c15u ^
                  std::bit_cast<uint32_t>(second) * 0xbf58476d1ce4e5b9u ^
                  block().seed() * 0x94d049bb133111ebu;
  bits ^= bits >> 31;
  bits *= 0xbf58476d1ce4e5b9u;
  bits ^= bits >> 29;
  double unit = static_cast<double>(bits >> 11) * 0x1p-52 - 1;
  return static_cast<float>(exact * (1 + unit * error));
}

/// As ftz does to what goes in.
static float flush(float x) {
  return std::fpclassify(x) == FP_SUBNORMAL ? std::copysign(0.0f, x) : x;
}

// Largest errors by the PTX ISA, relative; of lg2, sin and cos absolute.
constexpr double kRsqrt = 0x1.ddb3dep-23; // 2^-22.9
constexpr double kRcp = 0x1p-23;
constexpr double kSqrt = 0x1p-23;
constexpr double kEx2 = 0x1.6a09e6p-23; // 2^-22.5
constexpr double kTanh = 0x1p-11;
constexpr double kLg2 = 0x1.51ccp-23;   // 2^-22.6
constexpr double kSin = 0x1.6a09e6p-21; // 2^-20.5
constexpr double kDiv = 0x1p-22;        // 2 ulp

/// An absolute error as a relative one of `exact`.
static double relative(double absolute, double exact) {
  return exact == 0 ? 0 : absolute / std::fabs(exact);
}

#define UNARY(name, exact, error)                                              \
  EMULATED(float, name##_f)(float x) {                                         \
    double y = exact;                                                          \
    return blur(y, error, x);                                                  \
  }                                                                            \
  EMULATED(float, name##_ftz_f)(float x) {                                     \
    x = flush(x);                                                              \
    double y = exact;                                                          \
    return flush(blur(y, error, x));                                           \
  }
UNARY(rsqrt_approx, 1 / std::sqrt(static_cast<double>(x)), kRsqrt)
UNARY(rcp_approx, 1 / static_cast<double>(x), kRcp)
UNARY(sqrt_approx, std::sqrt(static_cast<double>(x)), kSqrt)
UNARY(lg2_approx, std::log2(static_cast<double>(x)), relative(kLg2, y))
UNARY(sin_approx, std::sin(static_cast<double>(x)), relative(kSin, y))
UNARY(cos_approx, std::cos(static_cast<double>(x)), relative(kSin, y))

EMULATED(float, ex2_approx_f32)(float x) {
  return blur(std::exp2(static_cast<double>(x)), kEx2, x);
}
EMULATED(float, ex2_approx_ftz_f32)(float x) {
  return flush(blur(std::exp2(static_cast<double>(flush(x))), kEx2, x));
}
EMULATED(float, tanh_approx_f)(float x) {
  float y = blur(std::tanh(static_cast<double>(x)), kTanh, x);
  return std::clamp(y, -1.0f, 1.0f);
}
static float divide(float a, float b) {
  return blur(static_cast<double>(a) / b, kDiv, a, b);
}
EMULATED(float, div_approx_f)(float a, float b) { return divide(a, b); }
EMULATED(float, div_approx_ftz_f)(float a, float b) {
  return flush(divide(flush(a), flush(b)));
}
EMULATED(float, div_full)(float a, float b) { return divide(a, b); }
EMULATED(float, div_full_ftz)(float a, float b) {
  return flush(divide(flush(a), flush(b)));
}

EMULATED(float, rcp_rn_f)(float x) { return 1 / x; }
EMULATED(float, sqrt_rn_f)(float x) { return std::sqrt(x); }
EMULATED(float, sqrt_f)(float x) { return std::sqrt(x); }
EMULATED(float, div_rn_f)(float a, float b) { return a / b; }
EMULATED(float, fma_rn_f)(float a, float b, float c) {
  return std::fma(a, b, c);
}
EMULATED(float, fmax_f)(float a, float b) { return std::fmax(a, b); }
EMULATED(float, fmin_f)(float a, float b) { return std::fmin(a, b); }
static bool eitherIsNan(float a, float b) {
  return std::isnan(a) || std::isnan(b);
}
EMULATED(float, fmax_nan_f)(float a, float b) {
  return eitherIsNan(a, b) ? NAN : std::fmax(a, b);
}
EMULATED(float, fmin_nan_f)(float a, float b) {
  return eitherIsNan(a, b) ? NAN : std::fmin(a, b);
}

static uint16_t toBF16(float x) {
  if (std::isnan(x))
    return 0x7fff;
  auto bits = std::bit_cast<uint32_t>(x);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
/// The first number goes into the upper half.
EMULATED(int32_t, ff2bf16x2_rn)(float a, float b) {
  return static_cast<int32_t>(pair(toBF16(b), toBF16(a)));
}
EMULATED(int16_t, f2bf16_rn)(float a) {
  return static_cast<int16_t>(toBF16(a));
}
EMULATED(int32_t, prmt)(int32_t a, int32_t b, int32_t selector) {
  uint64_t bytes = static_cast<uint32_t>(a) |
                   static_cast<uint64_t>(static_cast<uint32_t>(b)) << 32;
  uint32_t result = 0;
  for (int i = 0; i < 4; ++i) {
    int nibble = selector >> 4 * i & 15;
    auto byte = static_cast<uint8_t>(bytes >> 8 * (nibble & 7));
    if (nibble & 8)
      byte = byte & 0x80 ? 0xff : 0;
    result |= static_cast<uint32_t>(byte) << 8 * i;
  }
  return static_cast<int32_t>(result);
}
