//===- Gather.cpp - Sides of products made what f32 tiles read ------------===//
//
// Rows of A are turned in squares of registers. A vector is longer than a step
// of a tile, so each store ends in what the next one writes.
//
//===----------------------------------------------------------------------===//

#include "Gather.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mixln;

/// Rows of memory that are fetched ahead: a few lines of each are read, too few
/// for the hardware to see what comes. A prefetch behind the end does not
/// fault.
static constexpr int64_t kAhead = 8;

/// The numbers of words that follow each other in K, steps `stride` apart.
static void storeSteps(KernelBuilder &b, const BlockSpec &spec, Value words,
                       Value to, int64_t stride) {
  for (int64_t part = 0; part < gather::stepsPerWord(spec.product); ++part)
    b.storeVector(b.productPart(spec.product, words, part),
                  b.offset(to, part * stride));
}

Value gather::rowAddress(KernelBuilder &b, const BlockSpec &spec, Value block,
                         Value row, Value words) {
  int64_t rows = tileRows(b.getTarget());
  Value index = b.divide(row, b.constant(rows));
  Value within = b.sub(row, b.mul(index, rows));
  Value steps = b.mul(words, stepsPerWord(spec.product));
  Value stride = b.mul(b.add(steps, kSlack), rows);
  return b.offset(block, b.add(b.mul(index, stride), within));
}

namespace {

/// Writes the function of one side of A.
class LhsEmitter {
public:
  LhsEmitter(KernelBuilder &b, const BlockSpec &spec, ValueRange args)
      : b(b), spec(spec), tileRows(mixln::tileRows(b.getTarget())),
        from(args[0]), lda(args[1]), to(args[2]), rows(args[3]), words(args[4]),
        half(args[5]) {}

  void columns();
  void squares();

private:
  Value tileAddress(Value row) {
    return gather::rowAddress(b, spec, to, row, words);
  }
  Value stepAddress(Value tile, Value word) {
    return b.offset(tile,
                    b.mul(word, gather::stepsPerWord(spec.product) * tileRows));
  }

  KernelBuilder &b;
  const BlockSpec &spec;
  int64_t tileRows;
  Value from, lda, to, rows, words, half;
};

} // namespace

/// From A^T. Words outside, so that each line is read once.
void LhsEmitter::columns() {
  // All but the last tiles have rows enough behind them for a whole vector.
  Value over = b.constant(b.lanes() - tileRows);
  Value whole = b.mul(b.divide(b.maximum(b.sub(rows, over), b.constant(0)),
                               b.constant(tileRows)),
                      tileRows);
  b.loop(b.constant(0), words, 1, [&](Value word) {
    Value source = b.offset(from, b.mul(word, lda));
    Value ahead = b.mul(lda, kAhead);
    auto copy = [&](Value row, Value mask) {
      b.prefetch(b.offset(source, b.add(ahead, row)));
      storeSteps(b, spec, b.loadVector(b.offset(source, row), mask),
                 stepAddress(tileAddress(row), word), tileRows);
    };
    b.loop(b.constant(0), whole, tileRows,
           [&](Value row) { copy(row, Value()); });
    b.loop(whole, rows, tileRows,
           [&](Value row) { copy(row, b.maskFor(b.sub(rows, row))); });
  });
}

/// From rows of A.
void LhsEmitter::squares() {
  Value lastRow = b.sub(rows, b.constant(1));
  Value complete = b.sub(words, half);
  Value whole = b.mul(b.divide(complete, b.constant(b.lanes())), b.lanes());
  b.loop(b.constant(0), rows, tileRows, [&](Value row) {
    Value tile = tileAddress(row);
    SmallVector<Value> sources;
    for (int64_t i = 0; i < tileRows; ++i)
      // Of a short tile the last row is read again; nobody reads the copies.
      sources.push_back(b.offset(
          from, b.mul(b.minimum(b.add(row, i), lastRow), lda), spec.product));
    b.loop(b.constant(0), whole, b.lanes(), [&](Value word) {
      SmallVector<Value> square(b.lanes(), b.zeroVector());
      for (int64_t i = 0; i < tileRows; ++i) {
        Value at = b.offset(sources[i], word);
        b.prefetch(b.offset(at, b.mul(lda, tileRows), spec.product));
        square[i] = b.loadVector(at);
      }
      b.transpose(square);
      for (int64_t i = 0; i < b.lanes(); ++i)
        storeSteps(b, spec, square[i], stepAddress(tile, b.add(word, i)),
                   tileRows);
    });
    auto single = [&](Value word, bool halfWord) {
      SmallVector<Value> values;
      for (Value source : sources) {
        Value at = b.offset(source, word);
        values.push_back(
            b.broadcast(halfWord ? b.loadHalfWord(at) : b.loadWord(at)));
      }
      // Step by step and row by row: a store must not reach behind what is
      // there already.
      for (int64_t part = 0; part < gather::stepsPerWord(spec.product); ++part)
        for (int64_t i = 0; i < tileRows; ++i)
          b.storeVector(b.productPart(spec.product, values[i], part),
                        b.offset(stepAddress(tile, word), part * tileRows + i));
    };
    b.loop(whole, complete, 1, [&](Value word) { single(word, false); });
    if (spec.oddDepth)
      b.loop(complete, words, 1, [&](Value word) { single(word, true); });
  });
}

LLVM::LLVMFuncOp gather::lhsFunction(KernelBuilder &b, const BlockSpec &spec) {
  Type ptr = b.ptrType(), i64 = b.getI64Type();
  std::string name = llvm::formatv(
      "mixln.gather_lhs{0}{1}{2}", spec.product == Element::BF16 ? ".bf16" : "",
      spec.transposeLhs ? ".t" : ".n", spec.oddDepth ? ".odd" : "");
  return b.privateFunction(name, {ptr, i64, ptr, i64, i64, i64},
                           [&](ValueRange args) {
                             LhsEmitter emitter(b, spec, args);
                             if (spec.transposeLhs)
                               emitter.columns();
                             else
                               emitter.squares();
                           });
}

LLVM::LLVMFuncOp gather::rhsFunction(KernelBuilder &b, const BlockSpec &spec) {
  Type ptr = b.ptrType(), i64 = b.getI64Type();
  int64_t width = panelColumns(b.getTarget());
  std::string name = llvm::formatv(
      "mixln.gather_rhs{0}", spec.product == Element::BF16 ? ".bf16" : "");
  return b.privateFunction(
      name, {ptr, i64, ptr, i64, i64}, [&](ValueRange args) {
        Value columns = args[3];
        auto copy = [&](bool masked) {
          b.loop(b.constant(0), args[4], 1, [&](Value word) {
            Value source = b.offset(args[0], b.mul(word, args[1]));
            b.prefetch(b.offset(source, b.mul(args[1], kAhead)));
            Value target = b.offset(
                args[2],
                b.mul(word, gather::stepsPerWord(spec.product) * width));
            for (int64_t at = 0; at < width; at += b.lanes()) {
              Value mask;
              if (masked)
                mask = b.maskFor(b.sub(columns, b.constant(at)));
              storeSteps(b, spec, b.loadVector(b.offset(source, at), mask),
                         b.offset(target, at), width);
            }
          });
        };
        b.ifElse(
            b.equal(columns, b.constant(width)), [&] { copy(false); },
            [&] { copy(true); });
      });
}
