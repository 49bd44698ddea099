//===- ThreadPool.cpp -----------------------------------------------------===//

#include "device/ThreadPool.h"

#include <algorithm>
#include <climits>
#include <cmath>
#include <exception>
#include <fstream>
#include <immintrin.h>
#include <linux/futex.h>
#include <mutex>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <x86intrin.h>

using namespace mixln::rt;

// About a millisecond: longer than the imbalance of a phase.
constexpr uint64_t kBarrierSpin = 3'000'000;
// Between two entries the host reads a number or writes a batch.
constexpr uint64_t kIdleSpin = 600'000;
// A worker that is this late may wait for the CPU that another one spins on.
constexpr uint64_t kYieldAfter = 20'000;
// With fewer CPUs than workers a spinning worker keeps another from arriving.
constexpr uint64_t kCrowdedSpin = 2'000;

//===----------------------------------------------------------------------===//
// WaitCounter
//===----------------------------------------------------------------------===//

static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t));

static void futex(std::atomic<uint32_t> &word, int operation, uint32_t value) {
  syscall(SYS_futex, reinterpret_cast<uint32_t *>(&word), operation, value,
          nullptr, nullptr, 0);
}

void WaitCounter::raise() {
  // Sequentially consistent, as is the sleeper's side: either this thread sees
  // the sleeper or the sleeper sees the new value.
  counter.fetch_add(1, std::memory_order_seq_cst);
  if (sleepers.load(std::memory_order_seq_cst) != 0)
    futex(counter, FUTEX_WAKE_PRIVATE, INT_MAX);
}

void WaitCounter::waitWhile(uint32_t old, uint64_t spinCycles) {
  uint64_t start = __rdtsc();
  uint64_t spent = 0;
  do {
    for (int i = 0; i < 16; ++i) {
      if (value() != old)
        return;
      _mm_pause();
    }
    spent = __rdtsc() - start;
    if (spent > kYieldAfter)
      sched_yield();
  } while (spent < spinCycles);
  sleepers.fetch_add(1, std::memory_order_seq_cst);
  while (counter.load(std::memory_order_seq_cst) == old)
    futex(counter, FUTEX_WAIT_PRIVATE, old);
  sleepers.fetch_sub(1, std::memory_order_seq_cst);
}

//===----------------------------------------------------------------------===//
// ThreadPool
//===----------------------------------------------------------------------===//

ThreadPool::ThreadPool(int workers)
    : workers(std::max(workers, 1)),
      barrierSpin(this->workers <= availableCpus() ? kBarrierSpin
                                                   : kCrowdedSpin) {
  for (int worker = 1; worker < this->workers; ++worker)
    threads.emplace_back([this, worker] { workerMain(worker); });
}

ThreadPool::~ThreadPool() {
  stopping = true;
  started.raise();
  for (std::thread &thread : threads)
    thread.join();
}

void ThreadPool::barrier() {
  if (workers == 1)
    return;
  uint32_t old = passed.value();
  if (arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == workers) {
    arrived.store(0, std::memory_order_relaxed);
    passed.raise();
    return;
  }
  passed.waitWhile(old, barrierSpin);
}

void ThreadPool::runErased(ErasedBody body, const void *context) {
  if (workers > 1) {
    currentBody = body;
    currentContext = context;
    started.raise();
  }
  body(context, 0);
  barrier();
}

void ThreadPool::workerMain(int worker) {
  uint32_t seen = 0;
  while (true) {
    started.waitWhile(seen, std::min(kIdleSpin, barrierSpin));
    ++seen;
    if (stopping)
      return;
    currentBody(currentContext, worker);
    barrier();
  }
}

void ThreadPool::forEach(int64_t tasks,
                         const std::function<void(int64_t)> &body) {
  std::exception_ptr failure;
  std::mutex mutex;
  run([&](int worker) {
    int64_t begin = tasks * worker / workers;
    int64_t end = tasks * (worker + 1) / workers;
    try {
      for (int64_t task = begin; task < end; ++task)
        body(task);
    } catch (...) {
      std::lock_guard<std::mutex> lock(mutex);
      if (!failure)
        failure = std::current_exception();
    }
  });
  if (failure)
    std::rethrow_exception(failure);
}

int mixln::rt::availableCpus() {
  int cpus = static_cast<int>(std::thread::hardware_concurrency());
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0)
    cpus = CPU_COUNT(&set);
  std::ifstream quotaFile("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (quotaFile >> quota >> period && quota != "max" && period > 0)
    cpus = std::min(
        cpus, static_cast<int>(std::ceil(std::atof(quota.c_str()) / period)));
  return std::max(cpus, 1);
}
