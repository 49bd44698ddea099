//===- MmaHeads.h - Heads of bf16 as tiles of tensor cores ------*- C++ -*-===//
//
// Tiles of 64 or fewer rows of a head; 4 warps own 16 rows of a product each.
// What is rotated passes through registers on its way to shared memory, the
// rest is copied there while the warps work on.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_LIB_CONVERSION_ATTENTIONTONVVM_MMAHEADS_H
#define MIXLN_LIB_CONVERSION_ATTENTIONTONVVM_MMAHEADS_H

#include "../MmaTiles.h"
#include "AttentionPaths.h"

namespace mixln::attention {

class MmaHeads {
public:
  using Value = mlir::Value;
  using Values = llvm::SmallVector<Value>;
  using Tile = MmaTiles::Tile;

  static constexpr int64_t kRows = 64, kThreads = 128;

  MmaHeads(GpuBuilder &b, const AttentionSpec &spec);

  /// Blocks that a sequence of `seqLen` needs.
  static int64_t tilesOf(const AttentionSpec &spec) {
    return (spec.seqLen + kRows - 1) / kRows;
  }
  /// Bytes of shared memory of tiles with so many rows together.
  static int64_t bytesOf(const AttentionSpec &spec, int64_t rows) {
    return MmaTiles::bytesOf(rows, spec.headDim);
  }
  /// The tile behind the first `rowsBefore` rows of shared memory.
  Tile tile(int64_t rowsBefore);

  /// Rows first ... first + rows - 1 to a tile; those beyond the sequence
  /// repeat its last one. `copy` arrives when it is waited for.
  void copy(const HeadRows &from, Value first, int64_t rows, const Tile &to);
  void rotate(const HeadRows &from, Value first, int64_t rows, const Tile &to,
              Value cos, Value sin);
  /// A tile of 64 rows to the rows that exist.
  void write(const Tile &from, const HeadRows &to, Value first);
  /// Own sums times `factor`, rotated back; `position` is that of the first.
  void rotateBack(Values &sums, Value position, double factor, Value cos,
                  Value sin);
  /// The last row of the sequence instead of those beyond it.
  Value within(Value position);
  /// Element [sequence, position, head] of lse and its like.
  Value numberAt(Value sequence, Value position, Value head);

  /// `scores`, own sums of rows from `firstRow` (of the own group) and columns
  /// from `firstColumn`, with -infinity where `isLater(row, column)`; only if
  /// `some` holds at all.
  void mask(Values &scores, Value some,
            llvm::function_ref<Value(int64_t row, int64_t column)> isLater);

  MmaTiles mma;
  /// First of the 16 rows of the own warp, in a tile.
  Value ownRows;

private:
  /// Calls `body` with the row and chunk of each of `rows * chunks` that is
  /// this thread's.
  void forChunks(int64_t rows, int64_t chunks,
                 llvm::function_ref<void(Value row, Value chunk)> body);

  GpuBuilder &b;
  AttentionSpec spec;
};

} // namespace mixln::attention

#endif // MIXLN_LIB_CONVERSION_ATTENTIONTONVVM_MMAHEADS_H
