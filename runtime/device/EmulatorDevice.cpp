//===- EmulatorDevice.cpp - A GPU program's entries on this CPU -----------===//

#include "device/CpuFeatures.h"
#include "device/EmulatedBlock.h"
#include "device/HostDevice.h"
#include "device/LibraryMatmul.h"
#include "device/Recorder.h"
#include "device/ThreadPool.h"
#include "support/Errors.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <iterator>
#include <mutex>
#include <numeric>

using namespace mixln::rt;

namespace {

/// A dispatch with everything looked up.
struct Step {
  std::vector<void *> pointers;
  std::vector<EmulatedLaunch> launches; ///< one a phase
  bool isMatmul = false;
  LibraryCall matmul;
};

class EmulatorDevice : public HostDevice {
public:
  EmulatorDevice(const Program &program, const EmulatedPhase *phases,
                 int64_t phaseCount, ThreadPool &pool, uint64_t seed);

  bool run(int64_t entry, int64_t first, int64_t last, bool (*stop)()) override;

private:
  void resolve(const Dispatch &dispatch, const EmulatedPhase *phases,
               int64_t phaseCount, Step &step);
  void runStep(const Step &step, bool (*stop)());
  void runLaunch(const EmulatedLaunch &launch, bool (*stop)());

  ThreadPool &pool;
  uint64_t seed;
  uint64_t launched = 0; ///< launches so far: each has an order of its own
  std::vector<std::vector<Step>> entries;
  std::vector<EmulatedBlock> blocks; ///< one a worker
};

} // namespace

EmulatorDevice::EmulatorDevice(const Program &program,
                               const EmulatedPhase *phases, int64_t phaseCount,
                               ThreadPool &pool, uint64_t seed)
    : HostDevice(program), pool(pool), seed(seed), blocks(pool.size()) {
  for (const Entry &entry : program.entries) {
    std::vector<Step> &steps = entries.emplace_back(entry.dispatches.size());
    for (size_t i = 0; i < steps.size(); ++i)
      resolve(entry.dispatches[i], phases, phaseCount, steps[i]);
  }
}

/// A pointer that is read through a cache which sees no writes.
static void checkConstant(const Kernel &kernel, const Dispatch &dispatch,
                          uint64_t constantPointers) {
  for (size_t i = 0; i < dispatch.operands.size() && i < 64; ++i) {
    if (!(constantPointers >> i & 1))
      continue;
    const Operand &read = dispatch.operands[i];
    for (size_t j = 0; j < dispatch.operands.size(); ++j) {
      const Operand &written = dispatch.operands[j];
      if (written.writes && written.offset < read.offset + read.bytes &&
          read.offset < written.offset + written.bytes)
        runFailed("kernel ", kernel.name, " reads operand ", i,
                  " as memory that does not change, but its dispatch ",
                  dispatch.site.empty() ? "" : "for " + dispatch.site + " ",
                  "writes there (operand ", j, ")");
    }
  }
}

void EmulatorDevice::resolve(const Dispatch &dispatch,
                             const EmulatedPhase *phases, int64_t phaseCount,
                             Step &step) {
  const Kernel &kernel = kernelOf(program, dispatch);
  for (const Operand &operand : dispatch.operands)
    step.pointers.push_back(arena.data() + operand.offset);
  if (!kernel.library.empty()) {
    if (kernel.library != "matmul")
      runFailed("damaged program: kernel ", kernel.name, " is the library's ",
                kernel.library, ", expected matmul");
    step.isMatmul = true;
    step.matmul = describeMatmul(kernel, dispatch);
    return;
  }
  int64_t count = kernel.phases.size();
  if (kernel.firstFunction < 0 || kernel.firstFunction + count > phaseCount ||
      static_cast<int64_t>(kernel.launches.size()) != count)
    runFailed("damaged program: kernel ", kernel.name, " has ", count,
              " phases at ", kernel.firstFunction, " of ", phaseCount,
              " emulated, and ", kernel.launches.size(), " launches");
  for (int64_t i = 0; i < count; ++i) {
    EmulatedLaunch &launch = step.launches.emplace_back();
    launch.phase = phases + kernel.firstFunction + i;
    if (!launch.phase->run)
      runFailed("damaged program: phase ", kernel.phases[i],
                " has no emulated code");
    checkConstant(kernel, dispatch, launch.phase->constantPointers);
    launch.name = kernel.phases[i];
    if (!dispatch.site.empty())
      launch.name += " (" + dispatch.site + ")";
    launch.pointers = &step.pointers;
    launch.sizes = dispatch.sizes.data();
    launch.values = dispatch.values.data();
    launch.arena = arena.data();
    launch.blocks = dispatch.tasks[i];
    launch.threads = kernel.launches[i].threads;
    launch.sharedBytes = kernel.launches[i].sharedBytes;
    constexpr int64_t kMostThreads = 1024;
    if (launch.threads < 1 || launch.threads > kMostThreads)
      runFailed("kernel ", kernel.name, " has blocks of ", launch.threads,
                " threads, expected 1 to ", kMostThreads);
    for (const Operand &operand : dispatch.operands) {
      const char *begin = arena.data() + operand.offset;
      launch.ranges.push_back(
          {begin, begin + operand.bytes, operand.reads, operand.writes});
    }
  }
}

/// A number below `count` without a factor in common with it.
static int64_t strideFor(int64_t count, uint64_t drawn) {
  int64_t stride =
      1 + static_cast<int64_t>(drawn % std::max<int64_t>(count, 1));
  while (std::gcd(stride, count) != 1)
    ++stride;
  return stride;
}

void EmulatorDevice::runLaunch(const EmulatedLaunch &launch, bool (*stop)()) {
  uint64_t order = (seed + 1) * 0x9e3779b97f4a7c15u ^ ++launched;
  order ^= order >> 29;
  order *= 0xbf58476d1ce4e5b9u;
  order ^= order >> 32;
  int64_t stride = strideFor(launch.blocks, order);
  auto first = static_cast<int64_t>(order >> 8 & 0xffffff);
  std::mutex mutex;
  std::string error;
  std::atomic<bool> failed{false};
  pool.run([&](int worker) {
    int64_t begin = launch.blocks * worker / pool.size();
    int64_t end = launch.blocks * (worker + 1) / pool.size();
    for (int64_t i = begin; i < end && !failed; ++i) {
      if (stop && stop())
        return;
      int64_t block = (first + i * stride) % launch.blocks;
      std::string wrong;
      try {
        wrong = blocks[worker].run(launch, block, seed + launched);
      } catch (const std::exception &failure) {
        wrong = failure.what();
      }
      if (wrong.empty())
        continue;
      std::lock_guard<std::mutex> lock(mutex);
      if (error.empty())
        error = wrong;
      failed = true;
    }
  });
  if (!error.empty())
    throw RunError(error);
}

void EmulatorDevice::runStep(const Step &step, bool (*stop)()) {
  if (step.isMatmul)
    multiplyByLoops(step.matmul, step.pointers.data(), pool);
  for (const EmulatedLaunch &launch : step.launches)
    runLaunch(launch, stop);
}

bool EmulatorDevice::run(int64_t entry, int64_t first, int64_t last,
                         bool (*stop)()) {
  const std::vector<Step> &steps = entries[entry];
  last = std::min(last, static_cast<int64_t>(steps.size()));
  for (int64_t i = first; i < last; ++i) {
    if (stop && stop())
      return false;
    int64_t begin = recorder ? recorder->now() : 0;
    runStep(steps[i], stop);
    if (recorder) {
      int64_t end = recorder->now();
      recorder->addSlice(
          0, {static_cast<int32_t>(entry), static_cast<int32_t>(i), begin, end},
          end - begin);
      recorder->addCall(static_cast<int32_t>(entry), static_cast<int32_t>(i),
                        end - begin);
    }
  }
  return !(stop && stop());
}

std::unique_ptr<Device>
mixln::rt::makeEmulatorDevice(const Program &program,
                              const EmulatedPhase *phases, int64_t phaseCount,
                              ThreadPool &pool, uint64_t seed) {
  std::vector<std::string> missing = missingCpuFeatures(
      {std::begin(kEmulatorFeatures), std::end(kEmulatorFeatures)});
  if (!missing.empty())
    badInput("--device emulator needs a CPU with ", missing.front());
  return std::make_unique<EmulatorDevice>(program, phases, phaseCount, pool,
                                          seed);
}
