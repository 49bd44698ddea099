//===- Arena.cpp - Packs lifetimes into an address range ------------------===//

#include "mixln/Transforms/Plan/Arena.h"

#include "mixln-rt/program.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <numeric>

using namespace llvm;
using namespace mixln;

int64_t mixln::alignArena(int64_t bytes) {
  return static_cast<int64_t>(llvm::alignTo(bytes, rt::kArenaAlignment));
}

int64_t mixln::getLiveBytes(ArrayRef<ArenaBlock> blocks) {
  SmallVector<std::pair<int64_t, int64_t>> changes;
  for (const ArenaBlock &block : blocks) {
    changes.push_back({2 * block.begin, alignArena(block.bytes)});
    // Forever is the largest number: halve the scale instead of overflowing.
    int64_t end = std::min(block.end, int64_t{1} << 40);
    changes.push_back({2 * end + 1, -alignArena(block.bytes)});
  }
  llvm::sort(changes);
  int64_t live = 0, most = 0;
  for (auto [position, change] : changes) {
    live += change;
    most = std::max(most, live);
  }
  return most;
}

namespace {
/// One attempt: blocks placed one by one in a given order.
class Attempt {
public:
  explicit Attempt(ArrayRef<ArenaBlock> blocks) : blocks(blocks) {
    offsets.assign(blocks.size(), -1);
    for (auto [i, block] : llvm::enumerate(blocks))
      if (block.offset >= 0)
        insert(i, block.offset);
  }

  void place(unsigned index, bool bestFit) {
    if (offsets[index] >= 0)
      return;
    const ArenaBlock &block = blocks[index];
    int64_t size = alignArena(block.bytes);
    int64_t free = 0, best = -1, bestGap = INT64_MAX;
    for (unsigned other : byOffset) {
      if (blocks[other].begin > block.end || block.begin > blocks[other].end)
        continue;
      int64_t gap = offsets[other] - free;
      if (gap >= size && gap < bestGap) {
        best = free;
        bestGap = gap;
        if (!bestFit)
          break;
      }
      free = std::max(free, offsets[other] + alignArena(blocks[other].bytes));
    }
    insert(index, best >= 0 ? best : free);
  }

  int64_t height = 0;
  std::vector<int64_t> offsets;

private:
  void insert(unsigned index, int64_t offset) {
    offsets[index] = offset;
    byOffset.insert(llvm::upper_bound(byOffset, index,
                                      [&](unsigned a, unsigned b) {
                                        return offsets[a] < offsets[b];
                                      }),
                    index);
    height = std::max(height, offset + alignArena(blocks[index].bytes));
  }

  ArrayRef<ArenaBlock> blocks;
  std::vector<unsigned> byOffset;
};
} // namespace

int64_t mixln::packArena(MutableArrayRef<ArenaBlock> blocks) {
  std::vector<unsigned> order(blocks.size());
  std::iota(order.begin(), order.end(), 0);
  auto length = [&](unsigned i) { return blocks[i].end - blocks[i].begin; };
  auto bySize = [&](unsigned a, unsigned b) {
    return std::pair(blocks[a].bytes, length(a)) >
           std::pair(blocks[b].bytes, length(b));
  };
  auto byLength = [&](unsigned a, unsigned b) {
    return std::pair(length(a), blocks[a].bytes) >
           std::pair(length(b), blocks[b].bytes);
  };
  auto byArea = [&](unsigned a, unsigned b) {
    return static_cast<double>(blocks[a].bytes) *
               static_cast<double>(length(a) + 1) >
           static_cast<double>(blocks[b].bytes) *
               static_cast<double>(length(b) + 1);
  };
  auto byBegin = [&](unsigned a, unsigned b) {
    return std::pair(blocks[a].begin, -blocks[a].bytes) <
           std::pair(blocks[b].begin, -blocks[b].bytes);
  };

  int64_t bound = getLiveBytes(blocks);
  std::optional<Attempt> best;
  auto attempt = [&](bool bestFit) {
    if (best && best->height <= bound)
      return;
    Attempt next(blocks);
    for (unsigned index : order)
      next.place(index, bestFit);
    if (!best || next.height < best->height)
      best = std::move(next);
  };
  auto attemptBoth = [&](auto before) {
    llvm::sort(order, [&](unsigned a, unsigned b) {
      return before(a, b) || (!before(b, a) && a < b);
    });
    attempt(false);
    attempt(true);
  };
  attemptBoth(bySize);
  attemptBoth(byLength);
  attemptBoth(byArea);
  attemptBoth(byBegin);
  for (auto [block, offset] : llvm::zip(blocks, best->offsets))
    block.offset = offset;
  return best->height;
}
