//===- Parallel.h - The same work on several threads ------------*- C++ -*-===//

#ifndef MIXLN_RT_SUPPORT_PARALLEL_H
#define MIXLN_RT_SUPPORT_PARALLEL_H

#include <cstdint>
#include <functional>

namespace mixln::rt {

/// Calls `work` with each number below `count`, from at most `workers` threads,
/// of which the caller is one. Numbers are handed out one by one; nothing says
/// in which order they end. Throws what the lowest number threw, or a RunError
/// where the system has not so many threads.
void forEachInParallel(int64_t count, int workers,
                       const std::function<void(int64_t)> &work);

} // namespace mixln::rt

#endif // MIXLN_RT_SUPPORT_PARALLEL_H
