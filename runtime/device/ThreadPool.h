//===- ThreadPool.h - Workers that spin, then park --------------*- C++ -*-===//
//
// A step is some thousand short phases with a barrier after each, so a barrier
// must cost about a microsecond: workers spin on a counter, and sleep in the
// kernel only when nothing came for a while. All workers walk the same list
// of phases, so that an entry wakes them once.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_RT_DEVICE_THREADPOOL_H
#define MIXLN_RT_DEVICE_THREADPOOL_H

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

namespace mixln::rt {

/// A counter that threads can wait on. Raised by one thread at a time.
class WaitCounter {
public:
  uint32_t value() const { return counter.load(std::memory_order_acquire); }
  void raise();
  /// Returns when value() is no longer `old`; spins for a while before it
  /// sleeps. How long depends on what waiting was like before: on a machine
  /// with more to do than CPUs, a spinning thread keeps the CPU from the one
  /// that it waits for.
  void waitWhile(uint32_t old);

private:
  alignas(64) std::atomic<uint32_t> counter{0};
  std::atomic<uint32_t> sleepers{0};
  std::atomic<uint64_t> spinCycles{kMostSpin};

  /// About 100 microseconds: longer than the imbalance of most phases.
  static constexpr uint64_t kMostSpin = 300'000;
  static constexpr uint64_t kLeastSpin = 10'000;
  /// About a millisecond: a thread waited for this long was not running.
  static constexpr uint64_t kLate = 3'000'000;
};

class ThreadPool {
public:
  /// `workers` threads, of which the caller of run() is worker 0. A RunError
  /// where the system has not so many.
  explicit ThreadPool(int workers);
  ~ThreadPool();
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;

  int size() const { return workers; }

  /// Runs body(worker) once on every worker; returns when all are done.
  /// `body` must not throw.
  template <typename Body> void run(const Body &body) {
    runErased([](const void *b, int w) { (*static_cast<const Body *>(b))(w); },
              &body);
  }

  /// Inside run(): returns when every worker has called it.
  void barrier();

  /// Runs body(i) for i in [0, tasks) on all workers, contiguous shares;
  /// passes on the first exception.
  void forEach(int64_t tasks, const std::function<void(int64_t)> &body);

private:
  using ErasedBody = void (*)(const void *, int);
  void runErased(ErasedBody body, const void *context);
  void workerMain(int worker);
  void stop();

  int workers;
  WaitCounter started;
  WaitCounter passed;
  alignas(64) std::atomic<int> arrived{0};
  alignas(64) ErasedBody currentBody = nullptr;
  const void *currentContext = nullptr;
  std::atomic<bool> stopping{false};
  std::vector<std::thread> threads;
};

/// CPUs this process may use.
struct CpuBudget {
  int affinity = 1; ///< it may be scheduled on
  int quota = 0;    ///< of its cgroups, rounded up; 0 = none
  int usable() const { return quota ? std::min(affinity, quota) : affinity; }
};
CpuBudget cpuBudget();

inline int availableCpus() { return cpuBudget().usable(); }

} // namespace mixln::rt

#endif // MIXLN_RT_DEVICE_THREADPOOL_H
