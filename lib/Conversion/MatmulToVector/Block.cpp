//===- Block.cpp - Rows and panels of one product -------------------------===//
//
//   for block of the inner dimension:
//     gathering: copy A's rows
//     for panel:
//       gathering: copy B's panel
//       for rows of a tile: micro kernel
//
// Whether sides are copied changes where a tile finds them and where sums wait,
// and nothing else.
//
//===----------------------------------------------------------------------===//

#include "Block.h"
#include "Gather.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mixln;

Tile mixln::tileFor(const TargetInfo &target, bool rhsPacked) {
  if (target.lanes == 16)
    return rhsPacked ? Tile{6, 4} : Tile{8, 3};
  return Tile{6, 2};
}

int64_t mixln::panelColumns(const TargetInfo &target) {
  return tileFor(target, true).vectors * target.lanes;
}

int64_t mixln::tileRows(const TargetInfo &target) {
  return tileFor(target, true).rows;
}

/// A panel of B fits in L2 beside rows of A; where rows are read across (of
/// A^T, of B in place), each step is another page, and fewer steps are better.
/// What is gathered stays in L1 (B) and L2 (A).
int64_t mixln::blockDepth(bool transposeLhs, bool rhsPacked, bool gather) {
  if (gather)
    return 256;
  return transposeLhs || !rhsPacked ? 512 : 1408;
}

namespace {

/// Writes one block.
class BlockEmitter {
public:
  BlockEmitter(KernelBuilder &b, const BlockSpec &spec, ValueRange args);
  void emit();

private:
  /// A part of the inner dimension; all counted in words.
  struct Part {
    Value begin, count, isLast;
    /// Of the micro kernels.
    Value flags;
  };

  void layOutScratch();
  Value partWords();
  Value partFlags(const Part &part);
  Value gatherLhs(const Part &part);
  Value rhsPanel(const Part &part, Value column, Value columns);
  void panel(const Part &part, Value panel, Value steps);
  void tiles(const Part &part, Value panel, Value columns, Value rhs,
             Value steps);
  void fetchAhead(Value rhs, Value steps, Value row);

  Value flag(MatmulFlags bit) { return b.bitAnd(flags, b.constant(bit)); }
  Value lhsAt(const Part &part, Value row) {
    return spec.transposeLhs
               ? b.offset(lhs, b.add(b.mul(part.begin, lda), row))
               : b.offset(b.offset(lhs, b.mul(row, lda), spec.product),
                          part.begin);
  }

  KernelBuilder &b;
  const BlockSpec &spec;
  Value lhs, lda, rhs, ldb, out, ldc, firstRow, lastRow, firstPanel, lastPanel;
  Value n, depth, flags, partial;
  Tile tile;
  /// Columns of a panel.
  int64_t width;
  /// Words of K in a part.
  int64_t mostWords;
  bool gathersRhs;
  MicroKernelSpec micro;
  /// Of a gathering block: copies of A and of a panel of B; elements of one
  /// panel's sums.
  Value lhsCopy, rhsCopy, panelSums;
};

} // namespace

BlockEmitter::BlockEmitter(KernelBuilder &b, const BlockSpec &spec,
                           ValueRange args)
    : b(b), spec(spec), lhs(args[0]), lda(args[1]), rhs(args[2]), ldb(args[3]),
      out(args[4]), ldc(args[5]), firstRow(args[6]), lastRow(args[7]),
      firstPanel(args[8]), lastPanel(args[9]), n(args[10]), depth(args[11]),
      flags(args[12]), partial(args[13]),
      tile(tileFor(b.getTarget(), spec.rhsPacked)),
      width(tile.vectors * b.lanes()),
      mostWords(blockDepth(spec.transposeLhs, spec.rhsPacked, spec.gather)),
      gathersRhs(spec.gather &&
                 (!spec.rhsPacked || spec.product == Element::BF16)) {
  micro.rows = tile.rows;
  micro.result = spec.result;
  micro.partialStride = spec.keepsSums() ? width : 0;
  micro.rhsStride = spec.rhsPacked || gathersRhs ? width : 0;
  micro.maskRhs = !micro.rhsStride;
  if (spec.gather) {
    micro.transposeLhs = true;
    micro.lhsStride = tile.rows;
    mostWords /= gather::stepsPerWord(spec.product);
  } else {
    micro.transposeLhs = spec.transposeLhs;
    micro.product = spec.product;
    micro.oddDepth = spec.oddDepth;
    micro.prefetchSteps = spec.transposeLhs ? 16 : 0;
  }
}

/// Scratch of a gathering block: a panel of B, the sums of each panel, the
/// block of A.
void BlockEmitter::layOutScratch() {
  rhsCopy = partial;
  partial =
      b.offset(partial, mostWords * gather::stepsPerWord(spec.product) * width);
  panelSums = b.mul(b.sub(lastRow, firstRow), width);
  lhsCopy = b.offset(partial, b.mul(b.sub(lastPanel, firstPanel), panelSums));
}

/// Parts of equal depth rather than full ones and a short last one.
Value BlockEmitter::partWords() {
  Value parts = b.maximum(b.ceilDivide(depth, mostWords), b.constant(1));
  Value words =
      b.maximum(b.divide(b.sub(b.add(depth, parts), b.constant(1)), parts),
                b.constant(1));
  if (spec.gather) // Whole squares of registers.
    words = b.mul(b.ceilDivide(words, b.lanes()), b.lanes());
  return words;
}

Value BlockEmitter::partFlags(const Part &part) {
  Value isFirst = b.equal(part.begin, b.constant(0));
  Value result = b.select(isFirst, flag(kAdd), b.constant(kAdd));
  if (spec.keepsSums()) {
    result =
        b.add(result, b.select(part.isLast, flag(kKeep), b.constant(kKeep)));
    result = b.add(result, flag(kAddWhole));
  }
  if (micro.oddDepth)
    result =
        b.add(result, b.select(part.isLast, flag(kHalfWord), b.constant(0)));
  return result;
}

/// Copies the rows of A; the steps of K that are there.
Value BlockEmitter::gatherLhs(const Part &part) {
  Value half = b.constant(0);
  if (spec.oddDepth)
    half = b.select(b.bitAnd(part.isLast, b.isTrue(flag(kHalfWord))),
                    b.constant(1), b.constant(0));
  b.call(gather::lhsFunction(b, spec),
         {lhsAt(part, firstRow), lda, lhsCopy, b.sub(lastRow, firstRow),
          part.count, half});
  return b.sub(b.mul(part.count, gather::stepsPerWord(spec.product)), half);
}

/// Where the tiles read the panel from `column` on.
Value BlockEmitter::rhsPanel(const Part &part, Value column, Value columns) {
  bool packed = spec.rhsPacked;
  Value from = packed ? b.add(b.mul(column, depth), b.mul(part.begin, width))
                      : b.add(b.mul(part.begin, ldb), column);
  if (!gathersRhs)
    return b.offset(rhs, from);
  b.call(gather::rhsFunction(b, spec),
         {b.offset(rhs, from), packed ? b.constant(width) : ldb, rhsCopy,
          packed ? b.constant(width) : columns, part.count});
  return rhsCopy;
}

/// Fetches those lines of the panel behind `rhsAt` that fall to the tile at
/// `row` (from the block's first), for L2. A panel is read once a block, from
/// memory or from a cache that other cores fill too, and the hardware learns of
/// it too late. A prefetch behind the end does not fault.
void BlockEmitter::fetchAhead(Value rhsAt, Value steps, Value row) {
  int64_t line = b.getTarget().lineBytes / elementBytes(Element::F32);
  Value tiles = b.ceilDivide(b.sub(lastRow, firstRow), tile.rows);
  Value lines = b.ceilDivide(b.mul(steps, width), line);
  Value each = b.add(b.divide(lines, tiles), b.constant(1));
  Value first = b.mul(b.divide(row, b.constant(tile.rows)), each);
  Value next = b.offset(rhsAt, b.mul(depth, width));
  b.loop(first, b.minimum(b.add(first, each), lines), 1, [&](Value at) {
    b.prefetch(b.offset(next, b.mul(at, line)), CacheLevel::L2);
  });
}

void BlockEmitter::tiles(const Part &part, Value panel, Value columns,
                         Value rhsAt, Value steps) {
  Value column = b.mul(panel, width);
  forRowTiles(
      b, firstRow, lastRow, micro, [&](LLVM::LLVMFuncOp callee, Value row) {
        Value within = b.sub(row, firstRow);
        if (spec.gather && !gathersRhs)
          fetchAhead(rhsAt, steps, within);
        Value lhsTile = spec.gather ? gather::rowAddress(b, spec, lhsCopy,
                                                         within, part.count)
                                    : lhsAt(part, row);
        Value outTile =
            b.offset(out, b.add(b.mul(row, ldc), column), spec.result);
        Value sums = b.mul(within, width);
        if (panelSums)
          sums = b.add(sums, b.mul(b.sub(panel, firstPanel), panelSums));
        b.call(callee, {lhsTile, lda, rhsAt, ldb, outTile, ldc, steps, columns,
                        part.flags, b.offset(partial, sums)});
      });
}

void BlockEmitter::panel(const Part &part, Value panel, Value steps) {
  Value column = b.mul(panel, width);
  Value columns = b.minimum(b.sub(n, column), b.constant(width));
  Value rhsAt = rhsPanel(part, column, columns);
  auto emitTiles = [&](int64_t vectors, bool whole) {
    micro.vectors = vectors;
    micro.whole = whole;
    tiles(part, panel, columns, rhsAt, steps);
  };
  auto masked = [&] {
    switchOnVectors(b, columns, tile.vectors,
                    [&](int64_t vectors) { emitTiles(vectors, false); });
  };
  if (b.lanes() == 16)
    return masked();
  b.ifElse(
      b.equal(columns, b.constant(width)),
      [&] { emitTiles(tile.vectors, true); }, masked);
}

void BlockEmitter::emit() {
  if (spec.gather)
    layOutScratch();
  Value words = partWords();
  b.loop(b.constant(0), depth, words, [&](Value begin) {
    Part part;
    part.begin = begin;
    part.count = b.minimum(words, b.sub(depth, begin));
    part.isLast = b.equal(b.add(begin, part.count), depth);
    part.flags = partFlags(part);
    Value steps = spec.gather ? gatherLhs(part) : part.count;
    b.loop(firstPanel, lastPanel, 1, [&](Value at) { panel(part, at, steps); });
  });
}

LLVM::LLVMFuncOp mixln::blockFunction(KernelBuilder &b, const BlockSpec &spec) {
  std::string name =
      llvm::formatv("mixln.block.{0}{1}{2}{3}{4}{5}",
                    spec.product == Element::BF16 ? "bf16." : "",
                    spec.transposeLhs ? "t" : "n", spec.rhsPacked ? "p" : "n",
                    spec.result == Element::BF16 ? ".to_bf16" : "",
                    spec.oddDepth ? ".odd" : "", spec.gather ? ".gather" : "");
  Type ptr = b.ptrType(), i64 = b.getI64Type();
  SmallVector<Type> arguments = {ptr, i64, ptr, i64, ptr};
  arguments.append(8, i64);
  arguments.push_back(ptr);
  return b.privateFunction(name, arguments, [&](ValueRange args) {
    BlockEmitter(b, spec, args).emit();
  });
}
