//===- CpuDevice.cpp - Entries on the thread pool -------------------------===//

#include "device/Barriers.h"
#include "device/HostDevice.h"
#include "device/Recorder.h"
#include "device/ThreadPool.h"
#include "support/Errors.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <immintrin.h>

using namespace mixln::rt;

namespace {

/// A dispatch with everything looked up.
struct Step {
  std::vector<KernelFunction> phases;
  std::vector<int64_t> tasks;
  std::vector<void *> pointers;
  const int64_t *sizes;
  const float *values;
  /// All workers meet behind it, before the next step.
  bool barrier = true;
};

/// Tiny numbers count as zero while kernels run: Adam's moments of a
/// parameter without gradient would otherwise slow every step down.
class FlushDenormals {
public:
  FlushDenormals() : saved(_mm_getcsr()) { _mm_setcsr(saved | 0x8040); }
  ~FlushDenormals() { _mm_setcsr(saved); }

private:
  unsigned saved;
};

class CpuDevice : public HostDevice {
public:
  CpuDevice(const Program &program, const KernelFunction *kernels,
            int64_t kernelCount, ThreadPool &pool);

  bool run(int64_t entry, int64_t first, int64_t last, bool (*stop)()) override;

private:
  Step resolve(const Dispatch &dispatch, const KernelFunction *kernels,
               int64_t kernelCount);

  /// What a worker does in run(), with or without a recorder.
  template <bool recorded>
  void walk(int worker, int64_t entry, int64_t first, int64_t last,
            bool (*stop)(), std::atomic<int64_t> &stopAfter,
            std::atomic<bool> &leftOut);

  ThreadPool &pool;
  /// Per worker: rounded up so that two workers never share a line or a page.
  int64_t scratchStride;
  Arena scratch;
  std::vector<std::vector<Step>> entries;
};

} // namespace

static int64_t roundUp(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

CpuDevice::CpuDevice(const Program &program, const KernelFunction *kernels,
                     int64_t kernelCount, ThreadPool &pool)
    : HostDevice(program), pool(pool),
      scratchStride(roundUp(program.scratchBytes, 4096) + 4096),
      scratch(scratchStride * pool.size()) {
  for (const Entry &entry : program.entries) {
    std::vector<Step> &steps = entries.emplace_back();
    for (const Dispatch &dispatch : entry.dispatches)
      steps.push_back(resolve(dispatch, kernels, kernelCount));
    std::vector<bool> barriers = barriersBehind(entry);
    for (size_t i = 0; i < steps.size(); ++i)
      steps[i].barrier = barriers[i];
  }
}

Step CpuDevice::resolve(const Dispatch &dispatch, const KernelFunction *kernels,
                        int64_t kernelCount) {
  const Kernel &kernel = kernelOf(program, dispatch);
  int64_t phases = kernel.phases.size();
  if (kernel.firstFunction < 0 || kernel.firstFunction + phases > kernelCount)
    runFailed("damaged program: kernel ", kernel.name, " has ", phases,
              " phases at ", kernel.firstFunction, " of ", kernelCount,
              " functions, and its dispatch ", dispatch.tasks.size());
  Step step;
  step.phases.assign(kernels + kernel.firstFunction,
                     kernels + kernel.firstFunction + phases);
  step.tasks = dispatch.tasks;
  step.sizes = dispatch.sizes.data();
  step.values = dispatch.values.data();
  for (const Operand &operand : dispatch.operands)
    step.pointers.push_back(arena.data() + operand.offset);
  return step;
}

template <bool recorded>
void CpuDevice::walk(int worker, int64_t entry, int64_t first, int64_t last,
                     bool (*stop)(), std::atomic<int64_t> &stopAfter,
                     std::atomic<bool> &leftOut) {
  FlushDenormals flush;
  int workers = pool.size();
  char *workerScratch = scratch.data() + scratchStride * worker;
  const std::vector<Step> &steps = entries[entry];
  for (int64_t i = first; i < last; ++i) {
    const Step &step = steps[i];
    if (stop && worker == 0 && stop() &&
        stopAfter.load(std::memory_order_relaxed) > i)
      stopAfter.store(i, std::memory_order_relaxed);
    Slice slice{static_cast<int32_t>(entry), static_cast<int32_t>(i), 0, 0};
    int64_t start = 0, busy = 0;
    bool worked = false;
    if constexpr (recorded)
      start = recorder->now();
    for (size_t phase = 0; phase < step.phases.size(); ++phase) {
      int64_t tasks = step.tasks[phase];
      KernelFunction function = step.phases[phase];
      // Dispatches of few tasks take turns, since many may stand between two
      // barriers.
      int64_t share = tasks < workers ? (worker + i) % workers : worker;
      int64_t begin = tasks * share / workers;
      int64_t end = tasks * (share + 1) / workers;
      int64_t before = 0;
      if constexpr (recorded)
        before = recorder->now();
      for (int64_t task = begin; task < end; ++task) {
        if (stop && stop()) {
          leftOut.store(true, std::memory_order_relaxed);
          break;
        }
        function(step.pointers.data(), step.sizes, step.values, task, tasks,
                 workerScratch);
      }
      if constexpr (recorded) {
        if (begin < end) {
          slice.end = recorder->now();
          slice.begin = worked ? slice.begin : before;
          busy += slice.end - before;
          worked = true;
        }
      }
      if (step.barrier || phase + 1 < step.phases.size())
        pool.barrier();
    }
    if constexpr (recorded) {
      if (worked)
        recorder->addSlice(worker, slice, busy);
      if (worker == 0)
        recorder->addCall(slice.entry, slice.dispatch, recorder->now() - start);
    }
    // Only here do all workers know the same.
    if (step.barrier && stopAfter.load(std::memory_order_relaxed) <= i)
      break;
  }
}

bool CpuDevice::run(int64_t entry, int64_t first, int64_t last,
                    bool (*stop)()) {
  last = std::min(last, static_cast<int64_t>(entries[entry].size()));
  // Worker 0 asks; the others see its answer behind the next barrier. It holds
  // an index and not a flag, since worker 0 may be ahead.
  std::atomic<int64_t> stopAfter{Device::kAllDispatches};
  // One dispatch of a large model can take longer than anyone who asks for an
  // end waits: its remaining tasks are left out.
  std::atomic<bool> leftOut{false};
  pool.run([&](int worker) {
    if (recorder)
      walk<true>(worker, entry, first, last, stop, stopAfter, leftOut);
    else
      walk<false>(worker, entry, first, last, stop, stopAfter, leftOut);
  });
  return stopAfter.load() == Device::kAllDispatches && !leftOut.load();
}

std::unique_ptr<Device> mixln::rt::makeCpuDevice(const Program &program,
                                                 const KernelFunction *kernels,
                                                 int64_t kernelCount,
                                                 ThreadPool &pool) {
  return std::make_unique<CpuDevice>(program, kernels, kernelCount, pool);
}
