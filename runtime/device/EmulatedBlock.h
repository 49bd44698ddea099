//===- EmulatedBlock.h - A block of GPU threads on one CPU ------*- C++ -*-===//
//
// Every thread is a fiber with its own stack, and gives the CPU away where it
// has to wait for others: at barriers and at the operations of a warp. Who goes
// on is drawn from a seed, so that another seed is another order in which a GPU
// might have run them. Threads that never wait are a plain loop.
//
// What a GPU would not tell is found here: an access outside the ranges that
// the launch declares, one that is not aligned as the code says, two threads
// that touch the same shared memory without a barrier between them, a barrier
// that some threads leave out.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_RT_DEVICE_EMULATEDBLOCK_H
#define MIXLN_RT_DEVICE_EMULATEDBLOCK_H

#include "mixln-rt/emulator.h"

#include <array>
#include <boost/context/detail/fcontext.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace mixln::rt {

/// Bytes of memory that a launch may touch.
struct EmulatedRange {
  const char *begin = nullptr;
  const char *end = nullptr;
  bool reads = false;
  bool writes = false;
};

/// One phase of one dispatch.
struct EmulatedLaunch {
  const EmulatedPhase *phase = nullptr;
  std::string name; ///< for messages
  const std::vector<void *> *pointers = nullptr;
  const int64_t *sizes = nullptr;
  const float *values = nullptr;
  std::vector<EmulatedRange> ranges;
  const char *arena = nullptr; ///< for messages: what offsets count from
  int64_t blocks = 1;
  int64_t threads = 1;
  int64_t sharedBytes = 0; ///< dynamic
};

/// The threads of one warp that meet in an operation.
struct EmulatedWarp {
  static constexpr int kLanes = 32;
  const char *operation = nullptr; ///< null: nobody waits
  uint32_t mask = 0;
  uint32_t arrived = 0;
  int64_t syncs = 0; ///< bar.warp.sync that it passed in this block
  /// What each lane brought, and what it takes with it.
  std::array<std::array<uint32_t, 10>, kLanes> in;
  std::array<std::array<uint32_t, 4>, kLanes> out;
};

/// A CPU that runs blocks, one after the other. Used by one OS thread.
class EmulatedBlock {
public:
  EmulatedBlock();
  ~EmulatedBlock();
  EmulatedBlock(const EmulatedBlock &) = delete;
  EmulatedBlock &operator=(const EmulatedBlock &) = delete;

  /// Runs one block; returns what was wrong, or an empty text.
  std::string run(const EmulatedLaunch &launch, int64_t block, uint64_t seed);

  /// The one whose thread calls.
  static EmulatedBlock &current();

  // What kernels ask for.
  int thread() const { return running; }
  int threads() const { return static_cast<int>(launch->threads); }
  int64_t block() const { return blockIndex; }
  int64_t blocks() const { return launch->blocks; }
  char *shared() const { return sharedMemory; }
  uint64_t seed() const { return theSeed; }

  void access(const char *pointer, int64_t bytes, bool isWrite,
              int64_t alignment);

  /// Waits for `count` threads at barrier `id`; returns the sum of `value`
  /// over them.
  int64_t barrier(int64_t id, int64_t count, int64_t value);

  /// Waits for the lanes in `mask`; the last to come calls perform(warp). The
  /// caller fills warp().in[lane()] before and reads out[lane()] behind it.
  template <typename Perform>
  void meet(const char *operation, uint32_t mask, const Perform &perform) {
    if (arrive(operation, mask)) {
      perform(warp());
      release();
    } else {
      yield();
    }
  }
  EmulatedWarp &warp() { return warps[running / EmulatedWarp::kLanes]; }
  int lane() const { return running % EmulatedWarp::kLanes; }
  /// Lanes that exist in the caller's warp.
  uint32_t lanesOfWarp() const;
  void passWarpSync() { ++warp().syncs; }

  /// A copy into shared memory that arrives later.
  void copyLater(char *to, const char *from, int64_t bytes, int64_t zeros);
  void closeCopyGroup();
  /// Lets copies arrive until `groups` closed groups are left; -1: all copies,
  /// closed or not.
  void waitForCopies(int64_t groups);

  /// Ends the launch with a message that names kernel and thread.
  [[noreturn]] void fail(const std::string &what);

private:
  using Context = boost::context::detail::fcontext_t;
  using Transfer = boost::context::detail::transfer_t;

  struct Copy {
    char *to;
    const char *from;
    int64_t bytes, zeros;
    int64_t group;
  };
  struct Fiber {
    Context context = nullptr;
    char *stack = nullptr;
    bool done = false;
    const char *waitsAt = nullptr;
    std::vector<Copy> copies;
    int64_t group = 0; ///< that is open
    /// Global memory that the thread wrote, in order.
    std::vector<std::pair<const char *, const char *>> written;
  };
  struct Barrier {
    int64_t arrived = 0, needed = 0, sum = 0, result = 0;
    std::vector<int> waiting;
  };
  /// When a thread touched a piece of shared memory.
  struct Touch {
    int32_t thread = -1; ///< kMany: several
    int32_t block = -1;  ///< barriers of the block before it
    int64_t warp = -1;   ///< bar.warp.sync before it
  };
  struct Cell {
    Touch writer, reader;
  };
  static constexpr int kMany = -2, kCellBytes = 2;
  static constexpr int64_t kStackBytes = int64_t(256) << 10;
  static constexpr int kPlain = 0; ///< the fiber of plain loops

  static void fiberMain(Transfer transfer);
  void runThreads();
  void prepareFiber(int index);
  void resume(int index);
  /// Back to whoever schedules, until someone makes this thread runnable.
  void yield();
  bool arrive(const char *operation, uint32_t mask);
  void release();
  void schedule();
  std::string describeDeadlock() const;
  uint64_t draw(uint64_t below);
  void touchShared(int64_t offset, int64_t bytes, bool isWrite);
  bool isOrdered(const Touch &touch) const;
  [[noreturn]] void failRace(const Touch &other, int64_t offset, bool isWrite,
                             bool otherWrote);
  void noteWrite(const char *pointer, int64_t bytes);
  bool wroteItself(const char *pointer, int64_t bytes) const;
  const char *whyNot(const char *pointer, int64_t bytes, bool isWrite) const;

  const EmulatedLaunch *launch = nullptr;
  int64_t blockIndex = 0;
  uint64_t theSeed = 0, random = 0;
  int running = 0;
  int fiber = kPlain; ///< whose stack is in use
  Context scheduler = nullptr;
  std::string error;
  std::vector<Fiber> fibers;
  std::vector<int> runnable;
  std::vector<EmulatedWarp> warps;
  std::array<Barrier, 16> barriers;
  int32_t barriersPassed = 0;
  size_t lastRange[2] = {0, 0};
  char *sharedMemory = nullptr;
  int64_t sharedSize = 0, sharedCapacity = 0;
  std::vector<Cell> cells;
};

} // namespace mixln::rt

#endif // MIXLN_RT_DEVICE_EMULATEDBLOCK_H
