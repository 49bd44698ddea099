//===- EmulatedBlock.cpp --------------------------------------------------===//

#include "device/EmulatedBlock.h"
#include "support/Errors.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>

using namespace mixln::rt;
namespace context = boost::context::detail;

static thread_local EmulatedBlock *currentBlock = nullptr;

EmulatedBlock &EmulatedBlock::current() { return *currentBlock; }

EmulatedBlock::EmulatedBlock() = default;

EmulatedBlock::~EmulatedBlock() {
  for (Fiber &fiber : fibers)
    if (fiber.stack)
      munmap(fiber.stack, kStackBytes);
  std::free(sharedMemory);
}

//===----------------------------------------------------------------------===//
// Fibers
//===----------------------------------------------------------------------===//

void EmulatedBlock::fiberMain(Transfer transfer) {
  auto &block = *static_cast<EmulatedBlock *>(transfer.data);
  block.scheduler = transfer.fctx;
  while (true) {
    int index = block.fiber;
    block.runThreads();
    block.fibers[index].done = true;
    block.yield();
  }
}

/// On a fiber: its thread, or all of them where none waits for another.
void EmulatedBlock::runThreads() {
  const EmulatedPhase &phase = *launch->phase;
  void *const *pointers = launch->pointers->data();
  if (phase.waits) {
    phase.run(pointers, launch->sizes, launch->values);
    return;
  }
  for (int64_t i = 0; i < launch->threads; ++i) {
    running = static_cast<int>(i);
    fibers[kPlain].copies.clear();
    fibers[kPlain].written.clear();
    phase.run(pointers, launch->sizes, launch->values);
  }
}

void EmulatedBlock::prepareFiber(int index) {
  if (static_cast<int>(fibers.size()) <= index)
    fibers.resize(index + 1);
  Fiber &made = fibers[index];
  if (!made.stack) {
    void *memory = mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
      runFailed("cannot get memory for the stack of a GPU thread");
    made.stack = static_cast<char *>(memory);
  }
  if (!made.context)
    made.context = context::make_fcontext(made.stack + kStackBytes, kStackBytes,
                                          fiberMain);
  made.done = false;
  made.waitsAt = nullptr;
  made.copies.clear();
  made.written.clear();
  made.group = 0;
}

void EmulatedBlock::resume(int index) {
  fiber = index;
  Transfer transfer = context::jump_fcontext(fibers[index].context, this);
  fibers[index].context = transfer.fctx;
}

void EmulatedBlock::yield() {
  // Whoever resumes this fiber says which thread it is.
  Transfer transfer = context::jump_fcontext(scheduler, nullptr);
  scheduler = transfer.fctx;
}

void EmulatedBlock::fail(const std::string &what) {
  error = cat("kernel ", launch->name, ", block ", blockIndex, ", thread ",
              running, ": ", what);
  context::jump_fcontext(scheduler, nullptr);
  std::abort(); // nobody resumes a thread that failed
}

//===----------------------------------------------------------------------===//
// A block
//===----------------------------------------------------------------------===//

uint64_t EmulatedBlock::draw(uint64_t below) {
  random ^= random << 13;
  random ^= random >> 7;
  random ^= random << 17;
  return random % below;
}

std::string EmulatedBlock::run(const EmulatedLaunch &next, int64_t block,
                               uint64_t seed) {
  launch = &next;
  blockIndex = block;
  theSeed = seed;
  random = (seed + 1) * 0x9e3779b97f4a7c15u ^ (block + 1) * 0xbf58476d1ce4e5b9u;
  if (random == 0)
    random = 1;
  error.clear();
  lastRange[0] = lastRange[1] = 0;
  currentBlock = this;

  sharedSize = next.phase->staticSharedBytes + next.sharedBytes;
  if (sharedSize > sharedCapacity) {
    constexpr int64_t kAlignment = 1024;
    std::free(sharedMemory);
    sharedCapacity = (sharedSize + kAlignment - 1) / kAlignment * kAlignment;
    sharedMemory =
        static_cast<char *>(std::aligned_alloc(kAlignment, sharedCapacity));
  }
  // Nobody may count on what lies there: not a number in every type.
  if (sharedSize > 0)
    std::memset(sharedMemory, 0xff, sharedSize);

  bool waits = next.phase->waits != 0;
  int count = waits ? threads() : 1;
  for (int i = 0; i < count; ++i)
    prepareFiber(i);
  runnable.clear();
  if (!waits) {
    resume(kPlain);
  } else {
    cells.assign((sharedSize + kCellBytes - 1) / kCellBytes, Cell());
    warps.resize((count + EmulatedWarp::kLanes - 1) / EmulatedWarp::kLanes);
    for (EmulatedWarp &warp : warps) {
      warp.operation = nullptr;
      warp.syncs = 0;
    }
    for (Barrier &barrier : barriers)
      barrier = Barrier();
    barriersPassed = 0;
    for (int i = 0; i < count; ++i)
      runnable.push_back(i);
    schedule();
  }
  if (!error.empty())
    for (Fiber &used : fibers)
      used.context = nullptr; // whatever it was doing is given up
  currentBlock = nullptr;
  return error;
}

void EmulatedBlock::schedule() {
  while (!runnable.empty() && error.empty()) {
    uint64_t drawn = draw(runnable.size());
    std::swap(runnable[drawn], runnable.back());
    int next = runnable.back();
    runnable.pop_back();
    running = next;
    fibers[next].waitsAt = nullptr;
    resume(next);
  }
  if (error.empty())
    error = describeDeadlock();
}

std::string EmulatedBlock::describeDeadlock() const {
  int waiting = -1, other = -1;
  for (int i = 0; i < threads(); ++i)
    if (!fibers[i].done && waiting < 0)
      waiting = i;
  if (waiting < 0)
    return {};
  const char *place = fibers[waiting].waitsAt;
  for (int i = 0; i < threads() && other < 0; ++i)
    if (fibers[i].done || fibers[i].waitsAt != place)
      other = i;
  std::string text = cat("kernel ", launch->name, ", block ", blockIndex,
                         ", thread ", waiting, ": waits for ever at ", place);
  if (other >= 0)
    text +=
        cat(", thread ", other, fibers[other].done ? " is done" : " waits at ",
            fibers[other].done ? "" : fibers[other].waitsAt);
  return text;
}

//===----------------------------------------------------------------------===//
// Waiting
//===----------------------------------------------------------------------===//

int64_t EmulatedBlock::barrier(int64_t id, int64_t count, int64_t value) {
  if (id < 0 || id >= static_cast<int64_t>(barriers.size()))
    fail(cat("barrier ", id, " of ", barriers.size()));
  Barrier &barrier = barriers[id];
  if (barrier.arrived == 0)
    barrier.needed = count;
  else if (barrier.needed != count)
    fail(cat("waits at barrier ", id, " for ", count,
             " threads, others wait there for ", barrier.needed));
  ++barrier.arrived;
  barrier.sum += value;
  if (barrier.arrived < count) {
    barrier.waiting.push_back(running);
    fibers[fiber].waitsAt = "a barrier";
    yield();
    return barrier.result;
  }
  barrier.result = barrier.sum;
  barrier.sum = barrier.arrived = 0;
  ++barriersPassed;
  runnable.insert(runnable.end(), barrier.waiting.begin(),
                  barrier.waiting.end());
  barrier.waiting.clear();
  // Even the last to come need not be the first to go on.
  runnable.push_back(running);
  yield();
  return barrier.result;
}

uint32_t EmulatedBlock::lanesOfWarp() const {
  int first = running / EmulatedWarp::kLanes * EmulatedWarp::kLanes;
  int lanes = std::min(threads() - first, EmulatedWarp::kLanes);
  return lanes == EmulatedWarp::kLanes ? ~uint32_t(0)
                                       : (uint32_t(1) << lanes) - 1;
}

bool EmulatedBlock::arrive(const char *operation, uint32_t mask) {
  EmulatedWarp &own = warp();
  mask &= lanesOfWarp();
  uint32_t bit = uint32_t(1) << lane();
  if (!(mask & bit))
    fail(cat(operation, " with a mask that leaves out the thread itself"));
  if (!own.operation) {
    own.operation = operation;
    own.mask = mask;
    own.arrived = 0;
  } else if (std::strcmp(own.operation, operation) != 0 || own.mask != mask) {
    fail(cat("meets others of its warp in ", operation, " while they are in ",
             own.operation, own.mask != mask ? " with another mask" : ""));
  }
  own.arrived |= bit;
  fibers[fiber].waitsAt = operation;
  return own.arrived == own.mask;
}

void EmulatedBlock::release() {
  EmulatedWarp &own = warp();
  int first = running - lane();
  for (uint32_t left = own.arrived; left; left &= left - 1) {
    int other = first + std::countr_zero(left);
    if (other != running)
      runnable.push_back(other);
  }
  own.operation = nullptr;
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

void EmulatedBlock::access(const char *pointer, int64_t bytes, bool isWrite,
                           int64_t alignment) {
  auto address = reinterpret_cast<uintptr_t>(pointer);
  if (alignment > 1 && address % alignment != 0)
    fail(cat(isWrite ? "writes " : "reads ", bytes, " bytes at address ",
             static_cast<const void *>(pointer), ", not a multiple of ",
             alignment));
  auto offset = static_cast<uint64_t>(pointer - sharedMemory);
  if (sharedSize > 0 && offset < static_cast<uint64_t>(sharedSize)) {
    if (static_cast<int64_t>(offset) + bytes > sharedSize)
      fail(cat(isWrite ? "writes" : "reads", " bytes ", offset, " to ",
               static_cast<int64_t>(offset) + bytes, " of ", sharedSize,
               " of shared memory"));
    if (launch->phase->waits)
      touchShared(static_cast<int64_t>(offset), bytes, isWrite);
    return;
  }
  const std::vector<EmulatedRange> &ranges = launch->ranges;
  auto allows = [&](const EmulatedRange &range) {
    return pointer >= range.begin && pointer + bytes <= range.end &&
           (isWrite ? range.writes : range.reads);
  };
  size_t &last = lastRange[isWrite];
  if (last >= ranges.size() || !allows(ranges[last]))
    last = std::find_if(ranges.begin(), ranges.end(), allows) - ranges.begin();
  if (last < ranges.size()) {
    if (isWrite && !ranges[last].reads)
      noteWrite(pointer, bytes);
    return;
  }
  if (!isWrite && wroteItself(pointer, bytes))
    return;
  const char *stack = fibers[fiber].stack;
  if (pointer >= stack && pointer + bytes <= stack + kStackBytes)
    return;
  const char *why = whyNot(pointer, bytes, isWrite);
  fail(cat(isWrite ? "writes " : "reads ", bytes, " bytes at address ",
           static_cast<const void *>(pointer), " (arena offset ",
           pointer - launch->arena, "), ", why));
}

void EmulatedBlock::noteWrite(const char *pointer, int64_t bytes) {
  auto &written = fibers[fiber].written;
  if (!written.empty() && written.back().second == pointer)
    written.back().second += bytes;
  else
    written.emplace_back(pointer, pointer + bytes);
}

/// A thread may read again what it stored to memory that is only written.
bool EmulatedBlock::wroteItself(const char *pointer, int64_t bytes) const {
  const auto &written = fibers[fiber].written;
  return std::any_of(written.rbegin(), written.rend(), [&](const auto &range) {
    return pointer >= range.first && pointer + bytes <= range.second;
  });
}

const char *EmulatedBlock::whyNot(const char *pointer, int64_t bytes,
                                  bool isWrite) const {
  for (const EmulatedRange &range : launch->ranges) {
    if (pointer >= range.begin && pointer + bytes <= range.end)
      return isWrite ? "which its launch declares as only read"
                     : "which its launch declares as only written";
    if (pointer < range.end && pointer + bytes > range.begin)
      return "partly outside the range that its launch declares";
  }
  return "outside the ranges that its launch declares";
}

bool EmulatedBlock::isOrdered(const Touch &touch) const {
  if (touch.thread == -1 || touch.thread == running ||
      touch.block < barriersPassed)
    return true;
  constexpr int kLanes = EmulatedWarp::kLanes;
  return touch.thread >= 0 && touch.thread / kLanes == running / kLanes &&
         touch.warp < warps[running / kLanes].syncs;
}

void EmulatedBlock::failRace(const Touch &other, int64_t offset, bool isWrite,
                             bool otherWrote) {
  std::string who =
      other.thread >= 0 ? cat("thread ", other.thread) : "other threads";
  fail(cat(isWrite ? "writes" : "reads", " byte ", offset,
           " of shared memory, which ", who, otherWrote ? " wrote" : " read",
           " with no barrier between them"));
}

void EmulatedBlock::touchShared(int64_t offset, int64_t bytes, bool isWrite) {
  Touch now{running, barriersPassed,
            warps[running / EmulatedWarp::kLanes].syncs};
  for (int64_t at = offset / kCellBytes; at * kCellBytes < offset + bytes;
       ++at) {
    Cell &cell = cells[at];
    if (!isOrdered(cell.writer))
      failRace(cell.writer, at * kCellBytes, isWrite, true);
    if (isWrite) {
      if (!isOrdered(cell.reader))
        failRace(cell.reader, at * kCellBytes, isWrite, false);
      cell.writer = now;
      cell.reader = Touch();
    } else if (isOrdered(cell.reader)) {
      cell.reader = now;
    } else if (cell.reader.thread != running) {
      cell.reader = {kMany, barriersPassed, now.warp};
    }
  }
}

//===----------------------------------------------------------------------===//
// Copies that arrive later
//===----------------------------------------------------------------------===//

void EmulatedBlock::copyLater(char *to, const char *from, int64_t bytes,
                              int64_t zeros) {
  if (bytes > 0)
    access(from, bytes, /*isWrite=*/false, bytes + zeros);
  // It may arrive at once: nobody may be reading there any more.
  access(to, bytes + zeros, /*isWrite=*/true, bytes + zeros);
  Fiber &own = fibers[fiber];
  own.copies.push_back({to, from, bytes, zeros, own.group});
}

void EmulatedBlock::closeCopyGroup() { ++fibers[fiber].group; }

void EmulatedBlock::waitForCopies(int64_t groups) {
  Fiber &own = fibers[fiber];
  size_t done = 0;
  for (; done < own.copies.size(); ++done) {
    const Copy &copy = own.copies[done];
    if (groups >= 0 && copy.group >= own.group - groups)
      break;
    access(copy.to, copy.bytes + copy.zeros, /*isWrite=*/true,
           copy.bytes + copy.zeros);
    std::memcpy(copy.to, copy.from, copy.bytes);
    std::memset(copy.to + copy.bytes, 0, copy.zeros);
  }
  own.copies.erase(own.copies.begin(), own.copies.begin() + done);
}
