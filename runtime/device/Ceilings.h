//===- Ceilings.h - What the machine could do at most -----------*- C++ -*-===//

#ifndef MIXLN_RT_DEVICE_CEILINGS_H
#define MIXLN_RT_DEVICE_CEILINGS_H

#include <cstdint>

namespace mixln::rt {

class ThreadPool;

/// Of many short turns. The best says what the hardware can do: a turn in which
/// others used the CPU says nothing of it. The mean says what a machine that
/// others use too lets one do.
struct Rate {
  double best = 0, mean = 0;
};

/// Rates of all workers at once, a second; 0 where the CPU cannot do it.
struct Ceilings {
  int threads = 0;
  Rate fma;          ///< f32 operations
  Rate dot;          ///< operations of bf16 dot products
  double memory = 0; ///< bytes that a copy in memory reads and writes
  double cache = 0;  ///< the same in the last level of cache
};

/// Measures for about `seconds`.
Rate measureFma(ThreadPool &pool, double seconds);
Rate measureDot(ThreadPool &pool, double seconds);

/// Copies with plain stores of the widest vectors; memory aligned to 64 bytes,
/// a multiple of 128.
void copyPlain(const char *from, char *to, int64_t bytes);

/// Copies `bytes` with plain stores, each worker its share; the best rate.
double measureCopy(ThreadPool &pool, int64_t bytes, double seconds);

/// All of them, in about `seconds`.
Ceilings measureCeilings(ThreadPool &pool, double seconds);

} // namespace mixln::rt

#endif // MIXLN_RT_DEVICE_CEILINGS_H
