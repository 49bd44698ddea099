//===- MatmulToVector.cpp - Blocks and tasks of matrix products -----------===//
//
// A kernel is thin: it finds the rows and panels of its task and calls one
// private function, the block, for each product. Blocks are shared by all
// kernels of a module.
//
//===----------------------------------------------------------------------===//

#include "mixln/Conversion/MatmulToVector.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mixln;

namespace {

/// Shape of the register tile.
struct Tile {
  int64_t rows, vectors;
};

} // namespace

static Tile tileFor(const TargetInfo &target, bool rhsPacked) {
  if (target.lanes == 16)
    return rhsPacked ? Tile{6, 4} : Tile{8, 3};
  return Tile{6, 2};
}

/// Most steps of the inner dimension in one block: a panel of B fits in L2
/// beside rows of A; where rows are read across (of A^T, of B in place), each
/// step is another page, and fewer steps are better.
static int64_t blockDepth(bool transposeLhs, bool rhsPacked) {
  return transposeLhs || !rhsPacked ? 512 : 1408;
}

int64_t mixln::panelColumns(const TargetInfo &target) {
  return tileFor(target, true).vectors * target.lanes;
}

int64_t mixln::tileRows(const TargetInfo &target) {
  return tileFor(target, true).rows;
}

std::string MatmulSpec::name() const {
  return llvm::formatv("matmul.{0}{1}.{2}x{3}{4}{5}", transposeLhs ? "t" : "n",
                       rhsPacked ? "p" : "n", numLhs, numRhs,
                       reduce ? ".reduce" : "", accumulate ? ".add" : "");
}

MatmulLaunch mixln::matmulLaunch(const TargetInfo &target,
                                 const MatmulSpec &spec, int64_t m,
                                 ArrayRef<MatmulExtents> products) {
  // Blocks of about this many rows keep A and a panel of B in L2.
  constexpr int64_t kBlockRows = 128;
  // Enough tasks for this many threads, if each has this much to do.
  constexpr int64_t kWantedTasks = 16;
  constexpr int64_t kLeastFlops = 1 << 21;

  Tile tile = tileFor(target, spec.rhsPacked);
  int64_t width = tile.vectors * target.lanes;
  int64_t flops = 0;
  int64_t panels = std::numeric_limits<int64_t>::max();
  for (const MatmulExtents &product : products) {
    flops += 2 * m * product.n * product.k;
    panels = std::min(panels, (product.n + width - 1) / width);
  }
  int64_t rowTiles = (m + tile.rows - 1) / tile.rows;
  int64_t most = std::max<int64_t>(1, flops / kLeastFlops);
  int64_t rowTasks = std::clamp<int64_t>((m + kBlockRows / 2) / kBlockRows, 1,
                                         std::min(rowTiles, most));
  int64_t wanted = std::min(kWantedTasks, most);
  int64_t columnTasks =
      std::clamp<int64_t>((wanted + rowTasks - 1) / rowTasks, 1, panels);

  MatmulLaunch launch;
  launch.tasks = rowTasks * columnTasks;
  launch.sizes = {m, columnTasks};
  for (const MatmulExtents &product : products) {
    int64_t lda = product.lda;
    if (!lda)
      lda = spec.transposeLhs ? m : product.k;
    launch.sizes.append({product.k, product.n, lda,
                         product.ldb ? product.ldb : product.n,
                         product.ldc ? product.ldc : product.n});
  }
  return launch;
}

LLVM::LLVMFuncOp mixln::blockFunction(KernelBuilder &b, bool transposeLhs,
                                      bool rhsPacked) {
  std::string name = llvm::formatv(
      "mixln.block.{0}{1}", transposeLhs ? "t" : "n", rhsPacked ? "p" : "n");
  Type ptr = b.ptrType(), i64 = b.getI64Type();
  SmallVector<Type> arguments = {ptr, i64, ptr, i64, ptr};
  arguments.append(8, i64);
  return b.privateFunction(name, arguments, [&](ValueRange args) {
    Value lhs = args[0], lda = args[1], rhs = args[2], ldb = args[3];
    Value out = args[4], ldc = args[5], firstRow = args[6], lastRow = args[7];
    Value firstPanel = args[8], lastPanel = args[9], n = args[10];
    Value depth = args[11], accumulate = args[12];

    Tile tile = tileFor(b.getTarget(), rhsPacked);
    int64_t width = tile.vectors * b.lanes();
    MicroKernelSpec micro;
    micro.rows = tile.rows;
    micro.transposeLhs = transposeLhs;
    micro.rhsStride = rhsPacked ? width : 0;
    micro.maskRhs = !rhsPacked;
    micro.prefetchSteps = transposeLhs ? 16 : 0;

    // Blocks of equal depth rather than full ones and a short last one.
    Value blocks =
        b.maximum(b.ceilDivide(depth, blockDepth(transposeLhs, rhsPacked)),
                  b.constant(1));
    Value step =
        b.maximum(b.divide(b.sub(b.add(depth, blocks), b.constant(1)), blocks),
                  b.constant(1));
    b.loop(b.constant(0), depth, step, [&](Value k) {
      Value count = b.minimum(step, b.sub(depth, k));
      Value add =
          b.select(b.equal(k, b.constant(0)), accumulate, b.constant(1));
      b.loop(firstPanel, lastPanel, 1, [&](Value panel) {
        Value column = b.mul(panel, width);
        Value columns = b.minimum(b.sub(n, column), b.constant(width));
        Value rhsPanel =
            rhsPacked
                ? b.offset(rhs, b.add(b.mul(column, depth), b.mul(k, width)))
                : b.offset(rhs, b.add(b.mul(k, ldb), column));
        auto tiles = [&](int64_t vectors, bool whole) {
          micro.vectors = vectors;
          micro.whole = whole;
          forRowTiles(b, firstRow, lastRow, micro,
                      [&](LLVM::LLVMFuncOp callee, Value row) {
                        Value lhsTile =
                            transposeLhs
                                ? b.offset(lhs, b.add(b.mul(k, lda), row))
                                : b.offset(lhs, b.add(b.mul(row, lda), k));
                        Value outTile =
                            b.offset(out, b.add(b.mul(row, ldc), column));
                        b.call(callee, {lhsTile, lda, rhsPanel, ldb, outTile,
                                        ldc, count, columns, add});
                      });
        };
        auto masked = [&] {
          switchOnVectors(b, columns, tile.vectors,
                          [&](int64_t vectors) { tiles(vectors, false); });
        };
        if (b.lanes() == 16)
          return masked();
        b.ifElse(
            b.equal(columns, b.constant(width)),
            [&] { tiles(tile.vectors, true); }, masked);
      });
    });
  });
}

void mixln::emitMatmulKernel(KernelBuilder &b, StringRef symbol,
                             const MatmulSpec &spec) {
  Tile tile = tileFor(b.getTarget(), spec.rhsPacked);
  int64_t width = tile.vectors * b.lanes();
  LLVM::LLVMFuncOp block = blockFunction(b, spec.transposeLhs, spec.rhsPacked);
  b.kernelFunction(symbol, [&](KernelBuilder::Arguments args) {
    Value m = b.loadI64(args.sizes, 0);
    Value columnTasks = b.loadI64(args.sizes, 1);
    Value rowTasks = b.divide(args.tasks, columnTasks);
    Value rowTask = b.divide(args.task, columnTasks);
    Value columnTask = b.sub(args.task, b.mul(rowTask, columnTasks));
    // Whole tiles are dealt out, so that only the last block has a rest.
    auto [firstTile, lastTile] =
        b.partition(b.ceilDivide(m, tile.rows), rowTask, rowTasks);
    Value firstRow = b.mul(firstTile, tile.rows);
    Value lastRow = b.minimum(b.mul(lastTile, tile.rows), m);

    int64_t firstOut =
        spec.numLhs + spec.numRhs + (spec.accumulate ? spec.numResults() : 0);
    for (int64_t i = 0; i < spec.numProducts(); ++i) {
      Value lhs = b.loadPtr(args.pointers, spec.numLhs == 1 ? 0 : i);
      Value rhs =
          b.loadPtr(args.pointers, spec.numLhs + (spec.numRhs == 1 ? 0 : i));
      Value out = b.loadPtr(args.pointers, firstOut + (spec.reduce ? 0 : i));
      SmallVector<Value> extents;
      for (int64_t j = 0; j < 5; ++j)
        extents.push_back(b.loadI64(args.sizes, 2 + 5 * i + j));
      auto [firstPanel, lastPanel] =
          b.partition(b.ceilDivide(extents[1], width), columnTask, columnTasks);
      bool add = spec.accumulate || (spec.reduce && i > 0);
      b.call(block, {lhs, extents[2], rhs, extents[3], out, extents[4],
                     firstRow, lastRow, firstPanel, lastPanel, extents[1],
                     extents[0], b.constant(add)});
    }
  });
}
