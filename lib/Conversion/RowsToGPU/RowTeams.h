//===- RowTeams.h - Which threads share a row -------------------*- C++ -*-===//

#ifndef MIXLN_LIB_CONVERSION_ROWSTOGPU_ROWTEAMS_H
#define MIXLN_LIB_CONVERSION_ROWSTOGPU_ROWTEAMS_H

#include "mixln/Analysis/RowStages.h"

namespace mixln {

/// How the columns of rows of one width are handed out.
struct RowColumns {
  int64_t width = 1;
  /// Neighbouring columns of a thread: C.
  int64_t chunk = 1;
  /// Chunks of a thread, some perhaps beyond the row.
  int64_t turns = 1;
  /// Whether the last chunk of the row holds pads.
  bool isRagged() const { return width % chunk != 0; }
  int64_t lastChunk() const { return llvm::alignTo(width, chunk) - chunk; }
};

/// Where the sums of one team lie in its slot, in elements; each starts at a
/// multiple of a warp.
struct GpuRowSlot {
  explicit GpuRowSlot(RowwiseOp op);
  llvm::SmallVector<int64_t> offsets, counts;
  int64_t elements = 0;
};

class RowTeams {
public:
  RowTeams(RowwiseOp op, const RowStages &stages);

  /// Threads that share a row, threads of a block, rows of a block.
  int64_t team = 1, block = 128, teams = 128;
  /// Whether what a stage read and computed stays in registers for the next.
  bool held = true;
  /// Whether approximate instructions are precise enough: the program reads or
  /// writes bf16.
  bool approximate = false;

  RowColumns columnsOf(int64_t width) const;
  /// Bytes of shared memory: partial results of the warps of a team.
  int64_t sharedBytes() const { return team > 32 ? reductions * 2 * 128 : 0; }

  static int64_t pointsOf(RowwiseOp op);
  /// Slots of partial sums: a multiple of the rows of a block.
  int64_t slotsOf(RowwiseOp op) const;

private:
  int64_t chunkOf(int64_t width) const;

  int64_t reductions = 0;
  /// Widths whose rows all start at multiples of a chunk, though they are not
  /// multiples themselves.
  llvm::SmallVector<int64_t> paddedWidths;
};

} // namespace mixln

#endif // MIXLN_LIB_CONVERSION_ROWSTOGPU_ROWTEAMS_H
