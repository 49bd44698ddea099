//===- DeviceTest.cpp - Pool, arena, CPU features -------------------------===//

#include "device/Device.h"
#include "Toy.h"
#include "device/Arena.h"
#include "device/Barriers.h"
#include "device/CpuFeatures.h"
#include "device/ThreadPool.h"
#include "support/Errors.h"

#include <chrono>
#include <gtest/gtest.h>
#include <thread>

using namespace mixln::rt;

TEST(Arena, AlignedAndZero) {
  Arena arena(5 << 20);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(arena.data()) % (2 << 20), 0u);
  for (int64_t i = 0; i < arena.size(); i += 4096)
    EXPECT_EQ(arena.data()[i], 0);
  EXPECT_THROW(Arena(int64_t(1) << 60), RunError);
}

TEST(ThreadPool, BarrierSeparatesPhases) {
  for (int workers : {1, 2, 3, 5}) {
    ThreadPool pool(workers);
    std::vector<int> seen(workers, 0);
    bool ordered = true;
    for (int repeat = 0; repeat < 50; ++repeat) {
      if (repeat == 25) // long enough for the workers to sleep
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      pool.run([&](int worker) {
        for (int phase = 1; phase <= 20; ++phase) {
          ++seen[worker];
          pool.barrier();
          if (seen[(worker + 1) % workers] != repeat * 20 + phase)
            ordered = false;
          pool.barrier();
        }
      });
    }
    EXPECT_TRUE(ordered) << workers;
  }
}

TEST(ThreadPool, ForEachCoversAllAndPassesOnErrors) {
  ThreadPool pool(3);
  std::vector<int> hits(101, 0);
  pool.forEach(101, [&](int64_t i) { ++hits[i]; });
  EXPECT_EQ(hits, std::vector<int>(101, 1));
  EXPECT_THROW(pool.forEach(5,
                            [](int64_t i) {
                              if (i == 4)
                                runFailed("x");
                            }),
               RunError);
}

TEST(CpuFeatures, KnownAndUnknown) {
  EXPECT_TRUE(
      missingCpuFeatures({"sse2", "+64bit", "-avx512f", "evex512"}).empty());
  EXPECT_EQ(missingCpuFeatures({"+sse2", "+warp-drive"}),
            std::vector<std::string>{"warp-drive"});
}

static void countUp(void *const *pointers, const int64_t *, const float *,
                    int64_t, int64_t, char *) {
  ++*static_cast<int32_t *>(pointers[0]);
}

// A program of one-task phases: what a dispatch costs besides its work.
static Program emptyDispatches(int64_t count) {
  Program program;
  program.arenaBytes = 64;
  program.kernels = {{"count", {"count"}, 0}};
  Dispatch dispatch;
  dispatch.tasks = {1};
  dispatch.operands = {{0, 4, true, true}};
  program.entries = {{"e", std::vector<Dispatch>(count, dispatch)}};
  return program;
}

TEST(CpuDevice, DispatchOverhead) {
  Program program = emptyDispatches(20000);
  const KernelFunction kernel = countUp;
  for (int workers : {1, 2}) {
    ThreadPool pool(workers);
    auto device = makeCpuDevice(program, &kernel, 1, pool);
    auto start = std::chrono::steady_clock::now();
    device->run(0);
    std::chrono::duration<double, std::micro> time =
        std::chrono::steady_clock::now() - start;
    int32_t counted = 0;
    device->read(0, &counted, 4);
    EXPECT_EQ(counted, 20000);
    std::printf("%d workers: %.2f us a dispatch\n", workers,
                time.count() / 20000);
  }
}

TEST(CpuDevice, RefusesDamagedPrograms) {
  ThreadPool pool(1);
  const KernelFunction kernel = countUp;
  Program outside = emptyDispatches(1);
  outside.entries[0].dispatches[0].operands[0].offset = 64;
  EXPECT_THROW(makeCpuDevice(outside, &kernel, 1, pool), RunError);
  Program missing = emptyDispatches(1);
  missing.kernels[0].firstFunction = 1;
  EXPECT_THROW(makeCpuDevice(missing, &kernel, 1, pool), RunError);
  Program phases = emptyDispatches(1);
  phases.entries[0].dispatches[0].tasks = {1, 1};
  EXPECT_THROW(makeCpuDevice(phases, &kernel, 1, pool), RunError);
}

static Dispatch touching(std::vector<Operand> operands, int64_t phases = 1) {
  Dispatch dispatch;
  dispatch.operands = std::move(operands);
  dispatch.tasks.assign(phases, 1);
  return dispatch;
}

TEST(Barriers, StandWhereSomethingIsAwaited) {
  auto read = [](int64_t at) { return Operand{at, 64, true, false}; };
  auto write = [](int64_t at) { return Operand{at, 64, false, true}; };
  Entry entry;
  entry.dispatches = {
      touching({read(0), write(64)}),
      touching({read(0), write(128)}),   // both only read 0
      touching({read(127), write(192)}), // reads the last byte of 64
      touching({write(256)}),
      touching({write(0)}),              // what was read is done since
      touching({read(192), write(320)}), // reads what the last two wrote not
      touching({write(192)}, 2),         // overwrites what is read
      touching({read(320)}),             // workers met between its phases
      touching({write(320)}),
  };
  EXPECT_EQ(barriersBehind(entry),
            (std::vector<bool>{false, true, false, false, true, true, false,
                               true, true}));
  EXPECT_TRUE(barriersBehind(Entry()).empty());
}
