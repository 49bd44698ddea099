//===- Arena.h - Packs lifetimes into an address range ----------*- C++ -*-===//

#ifndef MIXLN_TRANSFORMS_PLAN_ARENA_H
#define MIXLN_TRANSFORMS_PLAN_ARENA_H

#include "llvm/ADT/ArrayRef.h"

#include <cstdint>

namespace mixln {

/// Bytes that are in use from position `begin` to position `end`, both
/// included.
struct ArenaBlock {
  int64_t bytes = 0;
  int64_t begin = 0, end = 0;
  int64_t offset = -1; ///< given, or found by packArena where it is -1
};

/// `bytes` rounded up to the alignment of everything in the arena.
int64_t alignArena(int64_t bytes);

/// The most bytes in use at one position: no packing can be lower.
int64_t getLiveBytes(llvm::ArrayRef<ArenaBlock> blocks);

/// Gives each block an offset so that blocks in use at the same time are
/// disjoint; returns the bytes needed from 0. Tries several orders of placing
/// blocks at the lowest gap that fits best, and keeps the lowest result.
int64_t packArena(llvm::MutableArrayRef<ArenaBlock> blocks);

} // namespace mixln

#endif // MIXLN_TRANSFORMS_PLAN_ARENA_H
