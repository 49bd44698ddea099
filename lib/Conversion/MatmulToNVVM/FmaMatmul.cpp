//===- FmaMatmul.cpp - Products of f32 without tensor cores ---------------===//
//
// Both tiles lie along the depth: a thread reads 4 neighbours of each for 16
// fma, and adds in the order of k.
//
//===----------------------------------------------------------------------===//

#include "MatmulTiles.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mixln;
using namespace mixln::matmul;

using Values = SmallVector<Value>;

/// Neighbours that a thread reads, stores and multiplies at once.
static constexpr int64_t kPart = 4;

static int64_t stride(int64_t across) { return across + kPart; }

int64_t matmul::fmaSharedBytes(const GpuMatmulSpec &spec) {
  const TileShape &shape = shapeOf(spec);
  return 4 *
         std::max(shape.depth * (stride(shape.rows) + stride(shape.columns)),
                  shape.rows * sumStride(shape));
}

static Value element(GpuBuilder &b, Value vector, int64_t index) {
  if (!isa<VectorType>(vector.getType()))
    return vector;
  Value at = b.constant(index);
  return LLVM::ExtractElementOp::create(b, vector, at);
}

/// A tile of `matrix` to rows along the depth.
static void load(const MatmulCode &code, const Matrix &matrix, bool alongDepth,
                 int64_t across, Value firstAcross, Value firstDepth,
                 Value to) {
  GpuBuilder &b = code.b;
  int64_t depth = code.shape.depth, width = code.spec.aligned ? kPart : 1;
  code.forChunks(
      alongDepth ? depth : across, alongDepth ? across : depth, width,
      [&](Value row, Value column) {
        Value numbers = code.loadInside(
            matrix, b.add(alongDepth ? firstDepth : firstAcross, row),
            b.add(alongDepth ? firstAcross : firstDepth, column), width);
        Value inDepth = alongDepth ? row : column;
        Value inAcross = alongDepth ? column : row;
        Value place =
            b.offset(to, b.add(b.mul(inDepth, stride(across)), inAcross));
        if (alongDepth) {
          b.storeNumbers(numbers, place, b.getF32Type());
          return;
        }
        for (int64_t i = 0; i < width; ++i)
          b.storeF32(element(b, numbers, i),
                     b.offset(place, i * stride(across)));
      });
}

void matmul::emitFmaTile(const MatmulCode &code) {
  GpuBuilder &b = code.b;
  const TileShape &shape = code.shape;
  Value a = b.shared(), c = b.shared(4 * shape.depth * stride(shape.rows));
  int64_t across = shape.columns / kPart;
  Value row = b.mul(b.divide(code.thread, across), kPart);
  Value column = b.mul(b.remainder(code.thread, across), kPart);
  Values zeros(kPart * kPart, b.constantF32(0));
  Values sums = b.loop(
      b.constant(0), code.k, shape.depth, zeros,
      [&](Value depth, ValueRange carried) {
        b.barrier();
        load(code, code.a, code.spec.transposeA, shape.rows, code.firstRow,
             depth, a);
        load(code, code.c, !code.spec.transposeB, shape.columns,
             code.firstColumn, depth, c);
        b.barrier();
        return b.loop(
            b.constant(0), b.constant(shape.depth), 1, carried,
            [&](Value i, ValueRange carried) {
              Values next(carried);
              Value atA = b.add(b.mul(i, stride(shape.rows)), row);
              Value atC = b.add(b.mul(i, stride(shape.columns)), column);
              Value x = b.loadNumbers(b.offset(a, atA), kPart, b.getF32Type());
              Value y = b.loadNumbers(b.offset(c, atC), kPart, b.getF32Type());
              for (int64_t j = 0; j < kPart * kPart; ++j)
                next[j] = b.fmaF(element(b, x, j / kPart),
                                 element(b, y, j % kPart), next[j]);
              return next;
            });
      });
  b.barrier();
  auto type = VectorType::get({kPart}, b.getF32Type());
  for (int64_t i = 0; i < kPart; ++i) {
    Value numbers = LLVM::PoisonOp::create(b, type);
    for (int64_t j = 0; j < kPart; ++j) {
      Value index = b.constant(j);
      numbers =
          LLVM::InsertElementOp::create(b, numbers, sums[i * kPart + j], index);
    }
    Value at = b.add(b.mul(b.add(row, i), sumStride(shape)), column);
    b.storeNumbers(numbers, b.offset(b.shared(), at), b.getF32Type());
  }
}
