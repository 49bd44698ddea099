//===- MmaTiles.cpp - Products of bf16 tiles on tensor cores --------------===//

#include "MmaTiles.h"

using namespace mlir;
using namespace mixln;

MmaTiles::MmaTiles(GpuBuilder &b) : b(b) {
  thread = b.threadId();
  warp = b.divide(thread, 32);
  lane = b.remainder(thread, 32);
  group = b.divide(lane, 4);
  pair = b.mul(b.remainder(lane, 4), 2);
  Value eighth = b.divide(lane, kChunk), row = b.remainder(lane, kChunk);
  Value low = b.mul(b.remainder(eighth, 2), kChunk);
  Value high = b.mul(b.divide(eighth, 2), kChunk);
  downRow = b.add(row, low);
  downColumn = high;
  rightRow = b.add(row, high);
  rightColumn = low;
}

Value MmaTiles::address(const Tile &tile, Value row, Value column) {
  return b.offset(tile.base, b.add(b.mul(row, tile.stride), column),
                  Element::BF16);
}

/// ldmatrix numbers four matrices. mma.sync wants those of a left side down
/// first (rows 0, rows 8, then 8 deeper), of a right side deeper first; in a
/// tile that lies along the depth each is the other.
MmaTiles::Operand MmaTiles::operand(Side side, const Tile &tile,
                                    bool alongDepth, Value first) {
  bool down = (side == Side::Left) != alongDepth;
  Value row = down ? downRow : rightRow;
  Value column = down ? downColumn : rightColumn;
  if (first)
    (alongDepth ? column : row) = b.add(alongDepth ? column : row, first);
  return {address(tile, row, column), tile.stride, alongDepth, alongDepth};
}

SmallVector<Value> MmaTiles::words(const Operand &operand, int64_t across,
                                   int64_t depth) {
  int64_t offset = operand.alongDepth ? depth * operand.stride + across
                                      : across * operand.stride + depth;
  return b.loadMatrices(b.offset(operand.address, offset, Element::BF16),
                        operand.transposed);
}

void MmaTiles::multiply(Values &sums, ValueRange left, const Operand &right,
                        int64_t columns) {
  for (size_t step = 0; step < left.size() / 4; ++step) {
    ValueRange own = left.slice(4 * step, 4);
    for (int64_t column = 0; column < columns; column += kSide) {
      Values other = words(right, column, static_cast<int64_t>(step) * kSide);
      for (int64_t half = 0; half < 2; ++half) {
        int64_t first = (column / 8 + half) * 4;
        Values next = b.multiplyTile(own, ValueRange(other).slice(2 * half, 2),
                                     ValueRange(sums).slice(first, 4));
        llvm::copy(next, sums.begin() + first);
      }
    }
  }
}

void MmaTiles::multiply(Values &sums, const Operand &left, const Operand &right,
                        int64_t columns, int64_t depth) {
  for (int64_t step = 0; step < depth; step += kSide) {
    Operand deeper = right;
    deeper.address =
        b.offset(right.address, right.alongDepth ? step * right.stride : step,
                 Element::BF16);
    multiply(sums, words(left, 0, step), deeper, columns);
  }
}

SmallVector<Value> MmaTiles::wordsOf(ValueRange sums) {
  // Two neighbours of a row each: rows g and g + 8, then the next 8 columns.
  Values words;
  for (size_t i = 0; i < sums.size(); i += 2)
    words.push_back(b.word(sums[i], sums[i + 1]));
  return words;
}

SmallVector<Value> MmaTiles::zeros(int64_t columns) {
  return Values(columns / 8 * 4, b.constantF32(0));
}

void MmaTiles::store(ValueRange sums, const Tile &tile, Value first) {
  Value at = address(tile, b.add(first, group), pair);
  for (size_t i = 0; i < sums.size(); i += 2) {
    int64_t eight = static_cast<int64_t>(i) / 4, below = i / 2 % 2;
    Value to = b.offset(at, eight * 8 + below * 8 * tile.stride, Element::BF16);
    LLVM::StoreOp::create(b, b.word(sums[i], sums[i + 1]), to, 4);
  }
}

Value MmaTiles::combineRow(Value own,
                           function_ref<Value(Value, Value)> combine) {
  return b.combineWarp(own, 4, combine);
}
