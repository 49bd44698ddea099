//===- MmaTiles.h - Products of bf16 tiles on tensor cores ------*- C++ -*-===//
//
// A warp multiplies 16 rows at a time: mma.sync of 16x16 times 16x8 numbers,
// whose parts ldmatrix brings from tiles in shared memory. Lane 4 g + t holds
// of a 16x8 tile of sums
//
//   sums[0], sums[1]: row g,     columns 2 t, 2 t + 1
//   sums[2], sums[3]: row g + 8, columns 2 t, 2 t + 1
//
// which, rounded, are the words of a left side 16 deep: sums of one product
// are multiplied on without leaving their registers.
//
// A tile has padded rows: ldmatrix reads eight rows of 16 bytes, which lie in
// different banks where rows are an odd number of times 16 bytes.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_LIB_CONVERSION_MMATILES_H
#define MIXLN_LIB_CONVERSION_MMATILES_H

#include "mixln/Conversion/GpuBuilder.h"

namespace mixln {

class MmaTiles {
public:
  using Value = mlir::Value;
  using ValueRange = mlir::ValueRange;
  using Values = llvm::SmallVector<Value>;

  /// Numbers of 16 bytes; the sides of the tiles that an instruction reads.
  static constexpr int64_t kChunk = 8, kSide = 16;

  /// Rows of bf16 in shared memory.
  struct Tile {
    Value base;
    int64_t stride; ///< elements
  };
  /// Elements from a row of `columns` (a multiple of 16) to the next.
  static int64_t strideOf(int64_t columns) { return columns + kChunk; }
  static int64_t bytesOf(int64_t rows, int64_t columns) {
    return rows * strideOf(columns) * 2;
  }

  enum class Side { Left, Right };
  /// A tile as a side of a product. `alongDepth`: its rows are those of the
  /// inner sum, not rows (columns) of the product.
  struct Operand {
    Value address; ///< of the row that the lane reads, of the first matrices
    int64_t stride;
    bool transposed, alongDepth;
  };

  explicit MmaTiles(GpuBuilder &b);

  /// `tile` from row (or column) `first` of the product on.
  Operand operand(Side side, const Tile &tile, bool alongDepth, Value first);
  /// 16 rows (columns) from `across`, 16 deep from `depth`: the 4 words of a
  /// left side, 2 times 2 of a right one.
  Values words(const Operand &operand, int64_t across, int64_t depth);
  /// sums[16 rows x columns] += left * right, `depth` deep; 4 sums for each 8
  /// columns.
  void multiply(Values &sums, const Operand &left, const Operand &right,
                int64_t columns, int64_t depth);
  /// The same with a left side in registers: 4 words for each 16 of depth.
  void multiply(Values &sums, ValueRange left, const Operand &right,
                int64_t columns);
  /// Sums [16 x depth] as the words of a left side.
  Values wordsOf(ValueRange sums);
  Values zeros(int64_t columns);
  /// Address of element (own row i, column) of the own 16 rows of a tile.
  Value address(const Tile &tile, Value row, Value column);
  /// Stores sums, rounded, as rows from `first` on.
  void store(ValueRange sums, const Tile &tile, Value first);
  /// Over the four lanes that share a row.
  Value combineRow(Value own, llvm::function_ref<Value(Value, Value)> combine);

  Value thread, warp, lane;
  Value group; ///< g: the row of a tile of sums
  Value pair;  ///< 2 t: the column

private:
  GpuBuilder &b;
  /// Row and column of a tile that the lane names to ldmatrix where matrices
  /// are counted down first, right first.
  Value downRow, downColumn, rightRow, rightColumn;
};

} // namespace mixln

#endif // MIXLN_LIB_CONVERSION_MMATILES_H
