//===- MatmulToVector.cpp - Launches and tasks of matrix products ---------===//
//
// A kernel is thin: it finds the rows and panels of its task and calls one
// private function, the block, for each product. Blocks are shared by all
// kernels of a module.
//
//===----------------------------------------------------------------------===//

#include "Block.h"
#include "Gather.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>

using namespace mlir;
using namespace mixln;

/// Whether products copy their sides first (see the header).
static bool gathers(const TargetInfo &target) { return target.lanes == 8; }

/// Panels for whose sums a gathering task has scratch: two MiB. For more of
/// them it copies its rows of A again.
static constexpr int64_t kPanelsAtOnce = 256;

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

  bool gather = gathers(target);
  Tile tile = tileFor(target, spec.rhsPacked);
  int64_t width = tile.vectors * target.lanes;
  int64_t blockSteps = blockDepth(spec.transposeLhs, spec.rhsPacked, gather);
  int64_t flops = 0;
  int64_t panels = std::numeric_limits<int64_t>::max();
  for (const MatmulExtents &product : products) {
    flops += 2 * m * product.n * product.k;
    panels = std::min(panels, (product.n + width - 1) / width);
  }
  int64_t rowTiles = (m + tile.rows - 1) / tile.rows;
  int64_t most = std::max<int64_t>(1, flops / kLeastFlops);
  int64_t wanted = std::min(kWantedTasks, most);
  int64_t blockRows = kBlockRows;
  if (gather) {
    // A is copied once for the columns of a task, and B comes into the cache
    // once for its rows: square tasks need both least.
    double elements = static_cast<double>(m) * (panels * width) / wanted;
    blockRows = std::clamp<int64_t>(std::sqrt(elements), tile.rows, blockRows);
  }
  int64_t rowTasks = std::clamp<int64_t>((m + blockRows / 2) / blockRows, 1,
                                         std::min(rowTiles, most));
  int64_t columnTasks =
      std::clamp<int64_t>((wanted + rowTasks - 1) / rowTasks, 1, panels);

  MatmulLaunch launch;
  launch.tasks = rowTasks * columnTasks;
  int64_t rows = (rowTiles + rowTasks - 1) / rowTasks * tile.rows;
  for (auto [i, product] : llvm::enumerate(products)) {
    bool inParts = spec.reduce && products.size() > 1;
    inParts |= wordsOf(spec, product.k) > blockSteps;
    int64_t panelsInParts = inParts;
    if (gather)
      panelsInParts = std::min<int64_t>(
          llvm::divideCeil(llvm::divideCeil(product.n, width), columnTasks),
          kPanelsAtOnce);
    else if (spec.result(spec.reduce ? 0 : i) != Element::BF16)
      continue;
    launch.scratchBytes =
        std::max(launch.scratchBytes, rows * width * 4 * panelsInParts);
  }
  if (gather)
    launch.scratchBytes +=
        4 * (blockSteps * width + rows * (blockSteps + gather::kSlack));
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

namespace {

/// Writes one kernel: the products of a task.
class MatmulEmitter {
public:
  MatmulEmitter(KernelBuilder &b, const MatmulSpec &spec)
      : b(b), spec(spec), gather(gathers(b.getTarget())),
        tile(tileFor(b.getTarget(), spec.rhsPacked)),
        width(tile.vectors * b.lanes()) {}
  void emit(KernelBuilder::Arguments args);

private:
  void product(int64_t i, Value firstPanel, Value lastPanel);
  Value extent(int64_t i, int64_t which) {
    return b.loadI64(args.sizes, 2 + 5 * i + which);
  }

  KernelBuilder &b;
  const MatmulSpec &spec;
  bool gather;
  Tile tile;
  int64_t width;
  KernelBuilder::Arguments args;
  Value firstRow, lastRow;
};

} // namespace

void MatmulEmitter::product(int64_t i, Value firstPanel, Value lastPanel) {
  int64_t result = spec.reduce ? 0 : i;
  int64_t firstOut =
      spec.numLhs + spec.numRhs + (spec.accumulate ? spec.numResults() : 0);
  Value lhs = b.loadPtr(args.pointers, spec.numLhs == 1 ? 0 : i);
  Value rhs =
      b.loadPtr(args.pointers, spec.numLhs + (spec.numRhs == 1 ? 0 : i));
  Value out = b.loadPtr(args.pointers, firstOut + result);

  BlockSpec block;
  block.transposeLhs = spec.transposeLhs;
  block.rhsPacked = spec.rhsPacked;
  block.product = spec.product;
  block.result = spec.result(result);
  block.oddDepth = spec.oddDepth;
  block.gather = gather;

  bool isFirst = !spec.reduce || i == 0;
  bool isLast = !spec.reduce || i + 1 == spec.numProducts();
  int64_t always = 0;
  if (block.keepsSums())
    always = (isFirst ? 0 : kAdd) | (isLast ? 0 : kKeep) |
             (spec.accumulate ? kAddWhole : 0);
  else if (spec.accumulate || !isFirst)
    always = kAdd;
  Value depth = extent(i, 0), flags = b.constant(always);
  if (spec.product == Element::BF16) {
    Value words = b.ceilDivide(depth, 2);
    if (spec.oddDepth) {
      Value half = b.bitAnd(depth, b.constant(1));
      flags = b.add(flags, b.mul(half, kHalfWord));
    }
    depth = words;
  }
  b.call(blockFunction(b, block),
         {lhs, extent(i, 2), rhs, extent(i, 3), out, extent(i, 4), firstRow,
          lastRow, firstPanel, lastPanel, extent(i, 1), depth, flags,
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

  auto forPanels = [&](int64_t result, Value from, Value to,
                       function_ref<void(Value, Value)> body) {
    // What waits in scratch must have room there.
    int64_t atOnce = gather ? kPanelsAtOnce : 1;
    if (!gather && spec.result(result) == Element::F32)
      return body(from, to);
    b.loop(from, to, atOnce, [&](Value panel) {
      body(panel, b.minimum(b.add(panel, atOnce), to));
    });
  };
  int64_t last = spec.numProducts() - 1;
  if (spec.reduce) {
    auto [firstPanel, lastPanel] = panelsOf(0);
    forPanels(0, firstPanel, lastPanel, [&](Value from, Value to) {
      for (int64_t i = 0; i <= last; ++i)
        product(i, from, to);
    });
    return;
  }
  for (int64_t i = 0; i <= last; ++i) {
    auto [firstPanel, lastPanel] = panelsOf(i);
    forPanels(i, firstPanel, lastPanel,
              [&](Value from, Value to) { product(i, from, to); });
  }
}

void mixln::emitMatmulKernel(KernelBuilder &b, StringRef symbol,
                             const MatmulSpec &spec) {
  b.kernelFunction(symbol, [&](KernelBuilder::Arguments args) {
    MatmulEmitter(b, spec).emit(args);
  });
}
