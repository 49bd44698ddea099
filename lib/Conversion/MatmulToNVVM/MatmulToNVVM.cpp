//===- MatmulToNVVM.cpp - GPU code of matrix products ---------------------===//

#include "MatmulTiles.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mixln;
using namespace mixln::matmul;

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

static constexpr TileShape shapes[] = {
    // rows, columns, depth; rows and columns of a warp's part (a thread's)
    {64, 64, 16, 4, 4, /*onTensorCores=*/false},
    {64, 64, 32, 32, 32, /*onTensorCores=*/true},
    {128, 128, 32, 64, 32, /*onTensorCores=*/true},
};

const TileShape &matmul::shapeOf(const GpuMatmulSpec &spec) {
  return spec.side == Element::F32 ? shapes[0] : shapes[spec.large ? 2 : 1];
}

int64_t TileShape::threads() const {
  int64_t parts = rows / warpRows * (columns / warpColumns);
  return onTensorCores ? 32 * parts : parts;
}

std::string GpuMatmulSpec::name() const {
  auto letter = [](bool transposed) { return transposed ? "t" : "n"; };
  auto type = [](Element element) {
    return element == Element::BF16 ? ".bf16" : ".f32";
  };
  std::string text = std::string(letter(transposeA)) + letter(transposeB) +
                     type(side) + type(result);
  for (auto [holds, suffix] :
       {std::pair(accumulate, ".add"), std::pair(!aligned, ".odd"),
        std::pair(large, ".large")})
    if (holds)
      text += suffix;
  return text;
}

static int64_t tilesOf(const TileShape &shape, const GpuMatmulSizes &sizes) {
  return llvm::divideCeilSigned(sizes.m, shape.rows) *
         llvm::divideCeilSigned(sizes.n, shape.columns);
}

bool mixln::wantsLargeTiles(const GpuInfo &gpu, const GpuMatmulSpec &spec,
                            const GpuMatmulSizes &sizes) {
  return spec.side == Element::BF16 &&
         tilesOf(shapes[2], sizes) >= gpu.multiprocessors;
}

Launch mixln::gpuMatmulLaunch(const GpuMatmulSpec &spec,
                              const GpuMatmulSizes &sizes) {
  const TileShape &shape = shapeOf(spec);
  Launch launch;
  launch.tasks = {tilesOf(shape, sizes)};
  launch.sizes = {sizes.m,        sizes.n,        sizes.k,
                  sizes.leadingA, sizes.leadingB, sizes.leadingD};
  launch.shapes = {{shape.threads(), shape.onTensorCores
                                         ? mmaSharedBytes(spec)
                                         : fmaSharedBytes(spec)}};
  return launch;
}

//===----------------------------------------------------------------------===//
// Parts of tiles
//===----------------------------------------------------------------------===//

void MatmulCode::forChunks(int64_t rows, int64_t columns, int64_t width,
                           function_ref<void(Value, Value)> body) const {
  int64_t across = columns / width, step = shape.threads();
  for (int64_t first = 0; first < rows * across; first += step) {
    Value i = b.add(thread, first);
    auto chunk = [&] {
      body(b.divide(i, across), b.mul(b.remainder(i, across), width));
    };
    if (first + step <= rows * across)
      chunk();
    else
      b.ifThen(b.less(i, b.constant(rows * across)), chunk);
  }
}

Type matmul::typeOf(GpuBuilder &b, Element element) {
  return element == Element::F32 ? Type(b.getF32Type()) : Type(b.getBF16Type());
}

Value MatmulCode::loadInside(const Matrix &matrix, Value row, Value column,
                             int64_t width) const {
  Value rowInside = b.less(row, matrix.rows);
  Value start = b.mul(b.minimum(row, b.add(matrix.rows, -1)), matrix.leading);
  auto part = [&](Value column, int64_t count) -> Value {
    Value inside = b.both(rowInside, b.less(column, matrix.columns));
    Value at = b.add(start, b.minimum(column, b.add(matrix.columns, -count)));
    Value numbers = b.loadNumbers(b.offset(matrix.base, at, spec.side), count,
                                  typeOf(b, spec.side));
    Value zero = arith::ConstantOp::create(
        b, cast<TypedAttr>(b.getZeroAttr(numbers.getType())));
    return b.select(inside, numbers, zero);
  };
  if (spec.aligned || width == 1)
    return part(column, width);
  Value all =
      LLVM::PoisonOp::create(b, VectorType::get({width}, b.getF32Type()));
  for (int64_t i = 0; i < width; ++i) {
    Value index = b.constant(i);
    all =
        LLVM::InsertElementOp::create(b, all, part(b.add(column, i), 1), index);
  }
  return all;
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

/// Hands the finished tile out, 8 neighbours at a time or, where rows are odd,
/// one.
static void emitProducts(const MatmulCode &code, EmitProduct emit) {
  constexpr int64_t width = 8;
  GpuBuilder &b = code.b;
  b.barrier();
  code.forChunks(
      code.shape.rows, code.shape.columns, width, [&](Value row, Value column) {
        Value at = b.offset(b.shared(),
                            b.add(b.mul(row, sumStride(code.shape)), column));
        row = b.add(code.firstRow, row);
        column = b.add(code.firstColumn, column);
        int64_t count = code.spec.aligned ? width : 1;
        for (int64_t i = 0; i < width; i += count) {
          Value own = b.add(column, i);
          b.ifThen(b.both(b.less(row, code.m), b.less(own, code.n)), [&] {
            emit(b.loadNumbers(b.offset(at, i), count, b.getF32Type()), row,
                 own, count);
          });
        }
      });
}

void matmul::emitBody(GpuBuilder &b, const GpuMatmulSpec &spec,
                      GpuBuilder::Parameters parameters, Value left,
                      Value right, EmitProduct emit) {
  ValueRange sizes = parameters.sizes;
  const TileShape &shape = shapeOf(spec);
  Value m = sizes[0], n = sizes[1], k = sizes[2];
  Value across = b.ceilDivide(n, shape.columns);
  Value block = b.blockId();
  Value rowOfTiles = b.divide(block, across);
  Value columnOfTiles = b.sub(block, b.mul(rowOfTiles, across));
  MatmulCode code{
      b,
      spec,
      shape,
      b.threadId(),
      b.mul(rowOfTiles, shape.rows),
      b.mul(columnOfTiles, shape.columns),
      m,
      n,
      k,
      {left, sizes[3], spec.transposeA ? k : m, spec.transposeA ? m : k},
      {right, sizes[4], spec.transposeB ? n : k, spec.transposeB ? k : n}};
  if (shape.onTensorCores)
    emitMmaTile(code);
  else
    emitFmaTile(code);
  emitProducts(code, emit);
}

void mixln::emitGpuMatmulKernel(GpuBuilder &b, StringRef symbol,
                                const GpuMatmulSpec &spec) {
  GpuSignature signature;
  signature.readOnly = {true, true};
  signature.readOnly.append(spec.accumulate ? 2 : 1, false);
  signature.sizes = 6;
  signature.threads = shapeOf(spec).threads();
  b.gpuFunction(symbol, signature, [&](GpuBuilder::Parameters parameters) {
    Value into = parameters.pointers[2], d = parameters.pointers.back();
    Value leading = parameters.sizes[5];
    Type element = typeOf(b, spec.result);
    emitBody(b, spec, parameters, parameters.pointers[0],
             parameters.pointers[1],
             [&](Value product, Value row, Value column, int64_t count) {
               Value at = b.add(b.mul(row, leading), column);
               if (spec.accumulate)
                 product = b.addF(b.loadNumbers(b.offset(into, at, spec.result),
                                                count, element),
                                  product);
               b.storeNumbers(product, b.offset(d, at, spec.result), element);
             });
  });
}
