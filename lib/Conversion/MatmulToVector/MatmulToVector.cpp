//===- MatmulToVector.cpp - Blocks and tasks of matrix products -----------===//
//
// A kernel is thin: it finds the rows and panels of its task and calls one
// private function, the block, for each product. Blocks are shared by all
// kernels of a module.
//
//===----------------------------------------------------------------------===//

#include "mixln/Conversion/MatmulToVector.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

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

/// Whether a product gathers what is not packed (see the header).
static bool gathers(const TargetInfo &target, const MatmulSpec &spec) {
  return target.lanes == 8 && spec.transposeLhs && !spec.bf16Results;
}

/// Most steps of the inner dimension in one block: a panel of B fits in L2
/// beside rows of A; where rows are read across (of A^T, of B in place), each
/// step is another page, and fewer steps are better. What is gathered stays in
/// L1 (B) and L2 (A).
static int64_t blockDepth(bool transposeLhs, bool rhsPacked, bool gather) {
  if (gather)
    return 256;
  return transposeLhs || !rhsPacked ? 512 : 1408;
}

/// Steps behind those of a gathered tile: a vector stored for the last step
/// ends within them.
static constexpr int64_t kGatherSlack = 2;

/// The first word of `row` in a gathered block.
static Value gatheredRow(KernelBuilder &b, const Tile &tile, Value block,
                         Value row, Value steps) {
  Value index = b.divide(row, b.constant(tile.rows));
  Value within = b.sub(row, b.mul(index, tile.rows));
  Value stride = b.mul(b.add(steps, kGatherSlack), tile.rows);
  return b.offset(block, b.add(b.mul(index, stride), within));
}

int64_t mixln::panelColumns(const TargetInfo &target) {
  return tileFor(target, true).vectors * target.lanes;
}

int64_t mixln::tileRows(const TargetInfo &target) {
  return tileFor(target, true).rows;
}

std::string MatmulSpec::name() const {
  std::string name = llvm::formatv(
      "matmul{0}.{1}{2}.{3}x{4}{5}{6}", product == Element::BF16 ? ".bf16" : "",
      transposeLhs ? "t" : "n", rhsPacked ? "p" : "n", numLhs, numRhs,
      reduce ? ".reduce" : "", accumulate ? ".add" : "");
  if (oddDepth)
    name += ".odd";
  if (bf16Results == llvm::maskTrailingOnes<uint64_t>(numResults()))
    return name + ".to_bf16";
  if (bf16Results)
    name += llvm::formatv(".to_bf16_{0:x-}", bf16Results);
  return name;
}

/// Words of the inner dimension.
static int64_t wordsOf(const MatmulSpec &spec, int64_t k) {
  return spec.product == Element::BF16 ? (k + 1) / 2 : k;
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
  bool gather = gathers(target, spec);
  int64_t blockSteps = blockDepth(spec.transposeLhs, spec.rhsPacked, gather);
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
  int64_t rows = (rowTiles + rowTasks - 1) / rowTasks * tile.rows;
  for (auto [i, product] : llvm::enumerate(products)) {
    bool inParts = spec.reduce ? products.size() > 1 : false;
    inParts |= wordsOf(spec, product.k) > blockSteps;
    if (inParts && spec.result(spec.reduce ? 0 : i) == Element::BF16)
      launch.scratchBytes = rows * width * 4;
  }
  if (gather)
    launch.scratchBytes =
        4 * (blockSteps * width + rows * (blockSteps + kGatherSlack));
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

/// (A^T, lda, to, rows, steps): a block of A^T by tiles of rows. Steps outside,
/// so that each line is read once.
static LLVM::LLVMFuncOp gatherLhsFunction(KernelBuilder &b, Tile tile) {
  Type ptr = b.ptrType(), i64 = b.getI64Type();
  return b.privateFunction(
      "mixln.gather_lhs", {ptr, i64, ptr, i64, i64}, [&](ValueRange args) {
        Value from = args[0], lda = args[1], to = args[2], rows = args[3];
        Value steps = args[4];
        // A vector is longer than a tile; all but the last tiles have rows
        // enough behind them.
        int64_t over = b.lanes() - tile.rows;
        Value whole = b.mul(
            b.divide(b.maximum(b.sub(rows, b.constant(over)), b.constant(0)),
                     b.constant(tile.rows)),
            tile.rows);
        b.loop(b.constant(0), steps, 1, [&](Value k) {
          Value source = b.offset(from, b.mul(k, lda));
          auto copy = [&](Value row, Value mask) {
            b.storeVector(b.loadVector(b.offset(source, row), mask),
                          b.offset(gatheredRow(b, tile, to, row, steps),
                                   b.mul(k, tile.rows)));
          };
          b.loop(b.constant(0), whole, tile.rows,
                 [&](Value row) { copy(row, Value()); });
          b.loop(whole, rows, tile.rows,
                 [&](Value row) { copy(row, b.maskFor(b.sub(rows, row))); });
        });
      });
}

/// (B, ldb, to, columns, steps): columns of B as a panel.
static LLVM::LLVMFuncOp gatherRhsFunction(KernelBuilder &b, Tile tile) {
  Type ptr = b.ptrType(), i64 = b.getI64Type();
  return b.privateFunction(
      "mixln.gather_rhs", {ptr, i64, ptr, i64, i64}, [&](ValueRange args) {
        Value columns = args[3], width = b.constant(tile.vectors * b.lanes());
        auto copy = [&](bool masked) {
          b.loop(b.constant(0), args[4], 1, [&](Value k) {
            Value source = b.offset(args[0], b.mul(k, args[1]));
            Value target = b.offset(args[2], b.mul(k, width));
            for (int64_t v = 0; v < tile.vectors; ++v) {
              int64_t at = v * b.lanes();
              Value mask;
              if (masked)
                mask = b.maskFor(b.sub(columns, b.constant(at)));
              b.storeVector(b.loadVector(b.offset(source, at), mask),
                            b.offset(target, at));
            }
          });
        };
        b.ifElse(
            b.equal(columns, width), [&] { copy(false); }, [&] { copy(true); });
      });
}

LLVM::LLVMFuncOp mixln::blockFunction(KernelBuilder &b, const BlockSpec &spec) {
  bool words = spec.product == Element::BF16;
  std::string name =
      llvm::formatv("mixln.block.{0}{1}{2}{3}{4}{5}", words ? "bf16." : "",
                    spec.transposeLhs ? "t" : "n", spec.rhsPacked ? "p" : "n",
                    spec.result == Element::BF16 ? ".to_bf16" : "",
                    spec.oddDepth ? ".odd" : "", spec.gather ? ".gather" : "");
  Type ptr = b.ptrType(), i64 = b.getI64Type();
  SmallVector<Type> arguments = {ptr, i64, ptr, i64, ptr};
  arguments.append(8, i64);
  arguments.push_back(ptr);
  return b.privateFunction(name, arguments, [&](ValueRange args) {
    Value lhs = args[0], lda = args[1], rhs = args[2], ldb = args[3];
    Value out = args[4], ldc = args[5], firstRow = args[6], lastRow = args[7];
    Value firstPanel = args[8], lastPanel = args[9], n = args[10];
    Value depth = args[11], flags = args[12], partial = args[13];

    Tile tile = tileFor(b.getTarget(), spec.rhsPacked);
    int64_t width = tile.vectors * b.lanes();
    MicroKernelSpec micro;
    micro.rows = tile.rows;
    micro.transposeLhs = spec.transposeLhs;
    micro.product = spec.product;
    micro.result = spec.result;
    micro.oddDepth = spec.oddDepth;
    int64_t most = blockDepth(spec.transposeLhs, spec.rhsPacked, spec.gather);
    bool gatherRhs = spec.gather && !spec.rhsPacked;
    micro.rhsStride = spec.rhsPacked || gatherRhs ? width : 0;
    micro.maskRhs = !micro.rhsStride;
    micro.lhsStride = spec.gather ? tile.rows : 0;
    micro.prefetchSteps = spec.transposeLhs && !spec.gather ? 16 : 0;
    micro.partialStride = width;
    Value gathered = b.offset(partial, most * width);

    // Blocks of equal depth rather than full ones and a short last one.
    Value blocks = b.maximum(b.ceilDivide(depth, most), b.constant(1));
    Value step =
        b.maximum(b.divide(b.sub(b.add(depth, blocks), b.constant(1)), blocks),
                  b.constant(1));
    auto flag = [&](MatmulFlags bit) {
      return b.bitAnd(flags, b.constant(bit));
    };
    b.loop(b.constant(0), depth, step, [&](Value k) {
      Value count = b.minimum(step, b.sub(depth, k));
      Value isFirst = b.equal(k, b.constant(0));
      Value isLast = b.equal(b.add(k, count), depth);
      Value blockFlags = b.select(isFirst, flag(kAdd), b.constant(kAdd));
      if (spec.result == Element::BF16)
        blockFlags =
            b.add(blockFlags, b.select(isLast, flag(kKeep), b.constant(kKeep)));
      if (spec.oddDepth)
        blockFlags =
            b.add(blockFlags, b.select(isLast, flag(kHalfWord), b.constant(0)));
      if (spec.gather)
        b.call(gatherLhsFunction(b, tile),
               {b.offset(lhs, b.add(b.mul(k, lda), firstRow)), lda, gathered,
                b.sub(lastRow, firstRow), count});
      b.loop(firstPanel, lastPanel, 1, [&](Value panel) {
        Value column = b.mul(panel, width);
        Value columns = b.minimum(b.sub(n, column), b.constant(width));
        Value rhsPanel =
            spec.rhsPacked
                ? b.offset(rhs, b.add(b.mul(column, depth), b.mul(k, width)))
                : b.offset(rhs, b.add(b.mul(k, ldb), column));
        if (gatherRhs) {
          b.call(gatherRhsFunction(b, tile),
                 {rhsPanel, ldb, partial, columns, count});
          rhsPanel = partial;
        }
        auto tiles = [&](int64_t vectors, bool whole) {
          micro.vectors = vectors;
          micro.whole = whole;
          forRowTiles(
              b, firstRow, lastRow, micro,
              [&](LLVM::LLVMFuncOp callee, Value row) {
                Value lhsTile =
                    spec.gather ? gatheredRow(b, tile, gathered,
                                              b.sub(row, firstRow), count)
                    : spec.transposeLhs
                        ? b.offset(lhs, b.add(b.mul(k, lda), row))
                        : b.offset(b.offset(lhs, b.mul(row, lda), spec.product),
                                   k);
                Value outTile =
                    b.offset(out, b.add(b.mul(row, ldc), column), spec.result);
                Value sums =
                    b.offset(partial, b.mul(b.sub(row, firstRow), width));
                b.call(callee, {lhsTile, lda, rhsPanel, ldb, outTile, ldc,
                                count, columns, blockFlags, sums});
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

namespace {

/// Writes one kernel: the products of a task.
class MatmulEmitter {
public:
  MatmulEmitter(KernelBuilder &b, const MatmulSpec &spec)
      : b(b), spec(spec), tile(tileFor(b.getTarget(), spec.rhsPacked)),
        width(tile.vectors * b.lanes()) {}
  void emit(KernelBuilder::Arguments args);

private:
  void product(int64_t i, Value firstPanel, Value lastPanel, int64_t flags);
  Value extent(int64_t i, int64_t which) {
    return b.loadI64(args.sizes, 2 + 5 * i + which);
  }

  KernelBuilder &b;
  const MatmulSpec &spec;
  Tile tile;
  int64_t width;
  KernelBuilder::Arguments args;
  Value firstRow, lastRow;
};

} // namespace

void MatmulEmitter::product(int64_t i, Value firstPanel, Value lastPanel,
                            int64_t flags) {
  int64_t result = spec.reduce ? 0 : i;
  int64_t firstOut =
      spec.numLhs + spec.numRhs + (spec.accumulate ? spec.numResults() : 0);
  Value lhs = b.loadPtr(args.pointers, spec.numLhs == 1 ? 0 : i);
  Value rhs =
      b.loadPtr(args.pointers, spec.numLhs + (spec.numRhs == 1 ? 0 : i));
  Value out = b.loadPtr(args.pointers, firstOut + result);
  Value depth = extent(i, 0), allFlags = b.constant(flags);
  if (spec.product == Element::BF16) {
    Value words = b.ceilDivide(depth, 2);
    if (spec.oddDepth) {
      Value half = b.bitAnd(depth, b.constant(1));
      allFlags = b.add(allFlags, b.mul(half, kHalfWord));
    }
    depth = words;
  }
  BlockSpec block;
  block.transposeLhs = spec.transposeLhs;
  block.rhsPacked = spec.rhsPacked;
  block.product = spec.product;
  block.result = spec.result(result);
  block.oddDepth = spec.oddDepth;
  block.gather = gathers(b.getTarget(), spec);
  b.call(blockFunction(b, block),
         {lhs, extent(i, 2), rhs, extent(i, 3), out, extent(i, 4), firstRow,
          lastRow, firstPanel, lastPanel, extent(i, 1), depth, allFlags,
          args.scratch});
}

void MatmulEmitter::emit(KernelBuilder::Arguments arguments) {
  args = arguments;
  Value m = b.loadI64(args.sizes, 0);
  Value columnTasks = b.loadI64(args.sizes, 1);
  Value rowTasks = b.divide(args.tasks, columnTasks);
  Value rowTask = b.divide(args.task, columnTasks);
  Value columnTask = b.sub(args.task, b.mul(rowTask, columnTasks));
  // Whole tiles are dealt out, so that only the last block has a rest.
  auto [firstTile, lastTile] =
      b.partition(b.ceilDivide(m, tile.rows), rowTask, rowTasks);
  firstRow = b.mul(firstTile, tile.rows);
  lastRow = b.minimum(b.mul(lastTile, tile.rows), m);
  auto panelsOf = [&](int64_t i) {
    return b.partition(b.ceilDivide(extent(i, 1), width), columnTask,
                       columnTasks);
  };

  int64_t last = spec.numProducts() - 1;
  if (spec.reduce && spec.result(0) == Element::BF16) {
    auto [firstPanel, lastPanel] = panelsOf(0);
    b.loop(firstPanel, lastPanel, 1, [&](Value panel) {
      for (int64_t i = 0; i <= last; ++i)
        product(i, panel, b.add(panel, 1),
                (i > 0 ? kAdd : 0) | (i < last ? kKeep : 0));
    });
    return;
  }
  for (int64_t i = 0; i <= last; ++i) {
    auto [firstPanel, lastPanel] = panelsOf(i);
    bool add = spec.accumulate || (spec.reduce && i > 0);
    if (spec.result(spec.reduce ? 0 : i) == Element::F32) {
      product(i, firstPanel, lastPanel, add ? kAdd : 0);
      continue;
    }
    // Scratch has room for the sums of one panel.
    b.loop(firstPanel, lastPanel, 1,
           [&](Value panel) { product(i, panel, b.add(panel, 1), 0); });
  }
}

void mixln::emitMatmulKernel(KernelBuilder &b, StringRef symbol,
                             const MatmulSpec &spec) {
  b.kernelFunction(symbol, [&](KernelBuilder::Arguments args) {
    MatmulEmitter(b, spec).emit(args);
  });
}
