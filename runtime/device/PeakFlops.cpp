//===- PeakFlops.cpp ------------------------------------------------------===//

#include "device/PeakFlops.h"
#include "device/ThreadPool.h"

#include <algorithm>
#include <chrono>
#include <immintrin.h>
#include <vector>

using namespace mixln::rt;

// Enough independent sums to fill two units of four cycles each, twice over.
constexpr int kSums = 16;
constexpr int kRounds = 20000;

__attribute__((target("avx512f"))) static float rounds512() {
  __m512 sums[kSums];
  for (int i = 0; i < kSums; ++i)
    sums[i] = _mm512_set1_ps(float(i));
  __m512 a = _mm512_set1_ps(0.999f), b = _mm512_set1_ps(0.001f);
  for (int round = 0; round < kRounds; ++round) {
#pragma GCC unroll 16
    for (int i = 0; i < kSums; ++i)
      sums[i] = _mm512_fmadd_ps(sums[i], a, b);
  }
  float total = 0;
  for (int i = 0; i < kSums; ++i)
    total += _mm512_cvtss_f32(sums[i]);
  return total;
}

__attribute__((target("avx2,fma"))) static float rounds256() {
  constexpr int kHere = 12; // of sixteen registers
  __m256 sums[kHere];
  for (int i = 0; i < kHere; ++i)
    sums[i] = _mm256_set1_ps(float(i));
  __m256 a = _mm256_set1_ps(0.999f), b = _mm256_set1_ps(0.001f);
  for (int round = 0; round < kRounds; ++round) {
#pragma GCC unroll 12
    for (int i = 0; i < kHere; ++i)
      sums[i] = _mm256_fmadd_ps(sums[i], a, b);
  }
  float total = 0;
  for (int i = 0; i < kHere; ++i)
    total += _mm256_cvtss_f32(sums[i]);
  return total;
}

double mixln::rt::measurePeakFlops(ThreadPool &pool) {
  __builtin_cpu_init();
  bool wide = __builtin_cpu_supports("avx512f");
  if (!wide &&
      !(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")))
    return 0;
  double operations = 2.0 * kRounds * (wide ? kSums * 16 : 12 * 8);
  // The best of some turns: a turn in which others used the CPU says nothing.
  constexpr int kTurns = 20;
  std::vector<double> best(pool.size(), 0);
  pool.run([&](int worker) {
    for (int turn = 0; turn < kTurns; ++turn) {
      auto start = std::chrono::steady_clock::now();
      volatile float kept = wide ? rounds512() : rounds256();
      (void)kept;
      std::chrono::duration<double> time =
          std::chrono::steady_clock::now() - start;
      best[worker] = std::max(best[worker], operations / time.count());
    }
  });
  double sum = 0;
  for (double one : best)
    sum += one;
  return sum;
}
