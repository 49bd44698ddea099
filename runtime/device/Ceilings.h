//===- Ceilings.h - What the machine could do at most -----------*- C++ -*-===//

#ifndef MIXLN_RT_DEVICE_CEILINGS_H
#define MIXLN_RT_DEVICE_CEILINGS_H

#include <cstdint>

namespace mixln::rt {

class ThreadPool;

/// Rates of all workers at once; 0 where the CPU cannot do it.
struct Ceilings {
  int threads = 0;
  double fma = 0;    ///< f32 operations a second
  double dot = 0;    ///< operations a second of bf16 dot products
  double memory = 0; ///< bytes a second that a copy in memory reads and writes
  double cache = 0;  ///< the same in the last level of cache
};

/// The best of many short turns, for about `seconds`: a turn in which others
/// used the CPU says nothing.
double measureFma(ThreadPool &pool, double seconds);
double measureDot(ThreadPool &pool, double seconds);

/// Copies with plain stores of the widest vectors; memory aligned to 64 bytes,
/// a multiple of 128.
void copyPlain(const char *from, char *to, int64_t bytes);

/// Copies `bytes` with plain stores, each worker its share.
double measureCopy(ThreadPool &pool, int64_t bytes, double seconds);

/// All of them, in about `seconds`.
Ceilings measureCeilings(ThreadPool &pool, double seconds);

} // namespace mixln::rt

#endif // MIXLN_RT_DEVICE_CEILINGS_H
