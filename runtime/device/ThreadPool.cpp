//===- ThreadPool.cpp -----------------------------------------------------===//

#include "device/ThreadPool.h"
#include "support/Errors.h"

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
#include <system_error>
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
  try {
    for (int worker = 1; worker < this->workers; ++worker)
      threads.emplace_back([this, worker] { workerMain(worker); });
  } catch (const std::system_error &error) {
    stop();
    runFailed("cannot start ", this->workers,
              " threads: ", systemError(error.code().value()),
              "; give a smaller --threads");
  }
}

ThreadPool::~ThreadPool() { stop(); }

void ThreadPool::stop() {
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

/// The least quota of the cgroup `group` and those around it, in CPUs.
static double quotaOf(const std::string &root, std::string group, bool second) {
  double least = INFINITY;
  while (true) {
    double quota = -1, period = 0;
    if (second) {
      std::ifstream file(root + group + "/cpu.max");
      std::string text;
      if (file >> text >> period && text != "max")
        quota = std::atof(text.c_str());
    } else {
      std::ifstream(root + group + "/cpu.cfs_quota_us") >> quota;
      std::ifstream(root + group + "/cpu.cfs_period_us") >> period;
    }
    if (quota > 0 && period > 0)
      least = std::min(least, quota / period);
    size_t slash = group.find_last_of('/');
    if (slash == std::string::npos)
      return least;
    group.resize(slash);
  }
}

CpuBudget mixln::rt::cpuBudget() {
  CpuBudget budget;
  budget.affinity = static_cast<int>(std::thread::hardware_concurrency());
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0)
    budget.affinity = CPU_COUNT(&set);
  budget.affinity = std::max(budget.affinity, 1);
  // Lines HIERARCHY:CONTROLLERS:GROUP; version 2 has hierarchy 0.
  double quota = INFINITY;
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos)
      continue;
    std::string controllers = line.substr(first + 1, second - first - 1);
    std::string group = line.substr(second + 1);
    if (group == "/")
      group.clear();
    if (controllers.empty())
      quota = std::min(quota, quotaOf("/sys/fs/cgroup", group, true));
    else if (("," + controllers + ",").find(",cpu,") != std::string::npos)
      quota = std::min(quota, quotaOf("/sys/fs/cgroup/cpu", group, false));
  }
  if (std::isfinite(quota))
    budget.quota = std::max(1, static_cast<int>(std::ceil(quota)));
  return budget;
}
