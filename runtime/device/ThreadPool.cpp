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

void WaitCounter::waitWhile(uint32_t old) {
  uint64_t start = __rdtsc(), spent = 0;
  uint64_t budget = spinCycles.load(std::memory_order_relaxed);
  while (value() == old && spent < budget) {
    for (int i = 0; i < 16 && value() == old; ++i)
      _mm_pause();
    spent = __rdtsc() - start;
  }
  bool slept = value() == old;
  if (slept) {
    sleepers.fetch_add(1, std::memory_order_seq_cst);
    while (counter.load(std::memory_order_seq_cst) == old)
      futex(counter, FUTEX_WAIT_PRIVATE, old);
    sleepers.fetch_sub(1, std::memory_order_seq_cst);
    spent = __rdtsc() - start;
  }
  // Down fast, up slowly: a wrong spin costs more than a wrong sleep. Spinning
  // that took too long was interrupted, which is as bad.
  if (spent > kLate)
    spinCycles.store(std::max(budget / 2, kLeastSpin),
                     std::memory_order_relaxed);
  else if (slept)
    spinCycles.store(std::min(budget + budget / 64, kMostSpin),
                     std::memory_order_relaxed);
}

//===----------------------------------------------------------------------===//
// ThreadPool
//===----------------------------------------------------------------------===//

ThreadPool::ThreadPool(int workers) : workers(std::max(workers, 1)) {
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
  passed.waitWhile(old);
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
    started.waitWhile(seen);
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
