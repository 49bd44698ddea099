//===- Ceilings.cpp -------------------------------------------------------===//

#include "device/Ceilings.h"
#include "device/Arena.h"
#include "device/ThreadPool.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <immintrin.h>
#include <unistd.h>

using namespace mixln::rt;

using Clock = std::chrono::steady_clock;

/// The rate of turns in which every worker does `amount` at once.
template <typename Turn>
static Rate measureRate(ThreadPool &pool, double seconds, double amount,
                        const Turn &turn) {
  constexpr int kLeastTurns = 3;
  Rate rate;
  std::atomic<bool> more{true};
  pool.run([&](int worker) {
    Clock::time_point begin = Clock::now();
    for (int turns = 1;; ++turns) {
      pool.barrier();
      Clock::time_point start = Clock::now();
      turn(worker);
      pool.barrier();
      if (worker == 0) {
        Clock::time_point end = Clock::now();
        std::chrono::duration<double> time = end - start, all = end - begin;
        rate.best = std::max(rate.best, amount * pool.size() / time.count());
        rate.mean = turns * amount * pool.size() / all.count();
        more = turns < kLeastTurns || all.count() < seconds;
      }
      pool.barrier();
      if (!more)
        return;
    }
  });
  return rate;
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

// Enough independent sums to fill two units of four cycles each, twice over.
constexpr int kSums = 16;
constexpr int kSums256 = 12; // of sixteen registers
constexpr int kRounds = 20000;

// Never inlined, and with an effect each: else a loop around one calls it once.
#define MIXLN_MEASURED(features)                                               \
  __attribute__((target(features), noinline)) static float

MIXLN_MEASURED("avx512f") fma512() {
  __m512 sums[kSums];
  for (int i = 0; i < kSums; ++i)
    sums[i] = _mm512_set1_ps(float(i));
  __asm__ volatile("");
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

MIXLN_MEASURED("avx2,fma") fma256() {
  __m256 sums[kSums256];
  for (int i = 0; i < kSums256; ++i)
    sums[i] = _mm256_set1_ps(float(i));
  __asm__ volatile("");
  __m256 a = _mm256_set1_ps(0.999f), b = _mm256_set1_ps(0.001f);
  for (int round = 0; round < kRounds; ++round) {
#pragma GCC unroll 12
    for (int i = 0; i < kSums256; ++i)
      sums[i] = _mm256_fmadd_ps(sums[i], a, b);
  }
  float total = 0;
  for (int i = 0; i < kSums256; ++i)
    total += _mm256_cvtss_f32(sums[i]);
  return total;
}

MIXLN_MEASURED("avx512f,avx512bf16") dot512() {
  __m512 sums[kSums];
  for (int i = 0; i < kSums; ++i)
    sums[i] = _mm512_set1_ps(float(i));
  __asm__ volatile("");
  __m512i ones = _mm512_set1_epi32(0x3c003c00);
  __m512bh a, b;
  std::memcpy(&a, &ones, sizeof a);
  std::memcpy(&b, &ones, sizeof b);
  for (int round = 0; round < kRounds; ++round) {
#pragma GCC unroll 16
    for (int i = 0; i < kSums; ++i)
      sums[i] = _mm512_dpbf16_ps(sums[i], a, b);
  }
  float total = 0;
  for (int i = 0; i < kSums; ++i)
    total += _mm512_cvtss_f32(sums[i]);
  return total;
}

Rate mixln::rt::measureFma(ThreadPool &pool, double seconds) {
  __builtin_cpu_init();
  bool wide = __builtin_cpu_supports("avx512f");
  if (!wide &&
      !(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")))
    return {};
  double operations = 2.0 * kRounds * (wide ? kSums * 16 : kSums256 * 8);
  return measureRate(pool, seconds, operations, [&](int) {
    volatile float kept = wide ? fma512() : fma256();
    (void)kept;
  });
}

Rate mixln::rt::measureDot(ThreadPool &pool, double seconds) {
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx512bf16"))
    return {};
  return measureRate(pool, seconds, 4.0 * kRounds * kSums * 16, [](int) {
    volatile float kept = dot512();
    (void)kept;
  });
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

// The compiler must not make a call of memcpy of it, whose stores may bypass
// the cache.
__attribute__((target("avx512f"))) static void
copy512(const char *from, char *to, int64_t bytes) {
  for (int64_t i = 0; i < bytes; i += 128) {
    __m512i first = _mm512_load_si512(from + i);
    __m512i second = _mm512_load_si512(from + i + 64);
    __asm__("" : "+v"(first), "+v"(second));
    _mm512_store_si512(to + i, first);
    _mm512_store_si512(to + i + 64, second);
  }
}

__attribute__((target("avx2"))) static void copy256(const char *from, char *to,
                                                    int64_t bytes) {
  for (int64_t i = 0; i < bytes; i += 64) {
    auto *source = reinterpret_cast<const __m256i *>(from + i);
    auto *target = reinterpret_cast<__m256i *>(to + i);
    __m256i first = _mm256_load_si256(source);
    __m256i second = _mm256_load_si256(source + 1);
    __asm__("" : "+x"(first), "+x"(second));
    _mm256_store_si256(target, first);
    _mm256_store_si256(target + 1, second);
  }
}

void mixln::rt::copyPlain(const char *from, char *to, int64_t bytes) {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f"))
    copy512(from, to, bytes);
  else if (__builtin_cpu_supports("avx2"))
    copy256(from, to, bytes);
  else
    std::memmove(to, from, bytes);
}

double mixln::rt::measureCopy(ThreadPool &pool, int64_t bytes, double seconds) {
  int64_t share = std::max<int64_t>(bytes / pool.size() / 4096, 1) * 4096;
  Arena memory(2 * share * pool.size());
  pool.run([&](int worker) {
    std::memset(memory.data() + 2 * share * worker, 1, 2 * share);
  });
  // A turn is long enough for its two barriers not to count.
  constexpr int64_t kTurn = 4 << 20;
  int64_t times = std::max<int64_t>(kTurn / share, 1);
  double amount = 2.0 * double(share) * double(times);
  auto copy = [&](int worker) {
    char *from = memory.data() + 2 * share * worker;
    for (int64_t i = 0; i < times; ++i)
      copyPlain(from, from + share, share);
  };
  return measureRate(pool, seconds, amount, copy).best;
}

Ceilings mixln::rt::measureCeilings(ThreadPool &pool, double seconds) {
  // The size may be that of all dies together, of which a thread sees one, or
  // of a machine that others use too.
  constexpr int64_t kMiB = 1 << 20;
  int64_t lastLevel = std::max<int64_t>(sysconf(_SC_LEVEL3_CACHE_SIZE), 0);
  Ceilings ceilings;
  ceilings.threads = pool.size();
  ceilings.fma = measureFma(pool, seconds / 6);
  ceilings.dot = measureDot(pool, seconds / 6);
  ceilings.memory = measureCopy(
      pool, std::clamp(lastLevel / 2, 64 * kMiB, 256 * kMiB), seconds / 3);
  ceilings.cache = measureCopy(
      pool, std::clamp(lastLevel / 8, kMiB / 2, 3 * kMiB), seconds / 3);
  return ceilings;
}
