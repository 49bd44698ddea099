//===- MmaMatmul.cpp - Products of bf16 on tensor cores -------------------===//

#include "../MmaTiles.h"
#include "MatmulTiles.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mixln;
using namespace mixln::matmul;

using Values = SmallVector<Value>;
using Side = MmaTiles::Side;

namespace {
/// The part of a side that lies in shared memory at a time: as it is stored.
struct SideTile {
  int64_t rows, columns;
  bool alongDepth; ///< its rows are those of the inner sum
  int64_t bytes() const { return MmaTiles::bytesOf(rows, columns); }
};
struct SideTiles {
  explicit SideTiles(const GpuMatmulSpec &spec) {
    const TileShape &shape = shapeOf(spec);
    auto of = [&](int64_t across, bool alongDepth) {
      return alongDepth ? SideTile{shape.depth, across, true}
                        : SideTile{across, shape.depth, false};
    };
    a = of(shape.rows, spec.transposeA);
    c = of(shape.columns, !spec.transposeB);
  }
  int64_t bytes() const { return a.bytes() + c.bytes(); }
  SideTile a, c;
};
} // namespace

int64_t matmul::mmaSharedBytes(const GpuMatmulSpec &spec) {
  const TileShape &shape = shapeOf(spec);
  return std::max(2 * SideTiles(spec).bytes(),
                  4 * shape.rows * sumStride(shape));
}

/// A tile of `matrix` from (`across`, `depth`) on; it arrives when copies are
/// waited for, at the latest.
static void load(const MatmulCode &code, const Matrix &matrix,
                 const SideTile &side, Value across, Value depth,
                 const MmaTiles::Tile &to) {
  GpuBuilder &b = code.b;
  Value firstRow = side.alongDepth ? depth : across;
  Value firstColumn = side.alongDepth ? across : depth;
  constexpr int64_t chunk = MmaTiles::kChunk;
  code.forChunks(side.rows, side.columns, chunk, [&](Value row, Value column) {
    Value place =
        b.offset(to.base, b.add(b.mul(row, to.stride), column), Element::BF16);
    row = b.add(firstRow, row);
    column = b.add(firstColumn, column);
    if (!code.spec.aligned) {
      b.storeNumbers(code.loadInside(matrix, row, column, chunk), place,
                     b.getBF16Type());
      return;
    }
    Value inside =
        b.both(b.less(row, matrix.rows), b.less(column, matrix.columns));
    auto i32 = [&](int32_t value) -> Value {
      return arith::ConstantOp::create(b, b.getI32IntegerAttr(value));
    };
    row = b.minimum(row, b.add(matrix.rows, -1));
    column = b.minimum(column, b.add(matrix.columns, -chunk));
    b.copyLater(place,
                b.offset(matrix.base, b.add(b.mul(row, matrix.leading), column),
                         Element::BF16),
                b.select(inside, i32(2 * chunk), i32(0)));
  });
}

/// sums += A B of the warp's part of one pair of tiles.
static void multiply(const MatmulCode &code, MmaTiles &mma,
                     const MmaTiles::Operand &left,
                     const MmaTiles::Operand &right, Values &sums) {
  constexpr int64_t side = MmaTiles::kSide;
  const TileShape &shape = code.shape;
  int64_t perRows = shape.warpColumns / 8 * 4; ///< sums of 16 rows
  for (int64_t depth = 0; depth < shape.depth; depth += side) {
    SmallVector<Values> lefts;
    for (int64_t row = 0; row < shape.warpRows; row += side)
      lefts.push_back(mma.words(left, row, depth));
    for (int64_t column = 0; column < shape.warpColumns; column += side) {
      Values words = mma.words(right, column, depth);
      for (auto [i, own] : llvm::enumerate(lefts))
        for (int64_t half = 0; half < 2; ++half) {
          int64_t first =
              static_cast<int64_t>(i) * perRows + (column / 8 + half) * 4;
          Values next =
              code.b.multiplyTile(own, ValueRange(words).slice(2 * half, 2),
                                  ValueRange(sums).slice(first, 4));
          llvm::copy(next, sums.begin() + first);
        }
    }
  }
}

void matmul::emitMmaTile(const MatmulCode &code) {
  GpuBuilder &b = code.b;
  const TileShape &shape = code.shape;
  MmaTiles mma(b);
  SideTiles sides(code.spec);
  auto tileAt = [&](Value half, const SideTile &side, int64_t bytes) {
    Value at =
        LLVM::GEPOp::create(b, b.ptrType(), b.getI8Type(), b.shared(bytes),
                            ArrayRef<LLVM::GEPArg>{half});
    return MmaTiles::Tile{at, MmaTiles::strideOf(side.columns)};
  };
  auto loadBoth = [&](Value depth, Value half) {
    load(code, code.a, sides.a, code.firstRow, depth, tileAt(half, sides.a, 0));
    load(code, code.c, sides.c, code.firstColumn, depth,
         tileAt(half, sides.c, sides.a.bytes()));
  };
  int64_t warpsAcross = shape.columns / shape.warpColumns;
  Value warpRow = b.mul(b.divide(mma.warp, warpsAcross), shape.warpRows);
  Value warpColumn =
      b.mul(b.remainder(mma.warp, warpsAcross), shape.warpColumns);

  Value zero = b.constant(0);
  loadBoth(zero, zero);
  b.closeCopies();
  int64_t count = shape.warpRows / MmaTiles::kSide * (shape.warpColumns / 2);
  Values init(count + 1, b.constantF32(0));
  init[0] = zero;
  Values sums = b.loop(
      zero, code.k, shape.depth, init, [&](Value depth, ValueRange carried) {
        Value half = carried[0];
        Values own(carried.drop_front());
        Value other = b.sub(b.constant(sides.bytes()), half);
        b.waitForCopies();
        // The tiles are there, and nobody reads the other half any more.
        b.barrier();
        Value next = b.add(depth, shape.depth);
        b.ifThen(b.less(next, code.k), [&] { loadBoth(next, other); });
        b.closeCopies();
        auto left = mma.operand(Side::Left, tileAt(half, sides.a, 0),
                                sides.a.alongDepth, warpRow);
        auto right =
            mma.operand(Side::Right, tileAt(half, sides.c, sides.a.bytes()),
                        sides.c.alongDepth, warpColumn);
        multiply(code, mma, left, right, own);
        Values carriedOn = {other};
        llvm::append_range(carriedOn, own);
        return carriedOn;
      });
  b.barrier();
  int64_t stride = sumStride(shape);
  Value at =
      b.offset(b.shared(), b.add(b.mul(b.add(warpRow, mma.group), stride),
                                 b.add(warpColumn, mma.pair)));
  auto pair = VectorType::get({2}, b.getF32Type());
  int64_t perRows = shape.warpColumns / 8 * 4;
  for (int64_t i = 0; i < count; i += 2) {
    int64_t row = i / perRows * MmaTiles::kSide + i / 2 % 2 * 8;
    int64_t column = i % perRows / 4 * 8;
    Value both = LLVM::PoisonOp::create(b, pair);
    for (int64_t j = 0; j < 2; ++j) {
      Value index = b.constant(j);
      both = LLVM::InsertElementOp::create(b, both, sums[1 + i + j], index);
    }
    b.storeNumbers(both, b.offset(at, row * stride + column), b.getF32Type());
  }
}
