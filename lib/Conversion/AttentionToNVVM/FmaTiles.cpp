//===- FmaTiles.cpp - Attention by fma on tiles in shared memory ----------===//

#include "FmaTiles.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mixln;
using namespace mixln::attention;

/// An odd number of banks from a row to the next.
static int64_t strideOf(const AttentionSpec &spec) {
  return llvm::alignTo(spec.headDim, FmaTiles::kSplit) + 1;
}

FmaTiles::FmaTiles(GpuBuilder &b, const AttentionSpec &spec)
    : b(b), spec(spec), stride(strideOf(spec)) {
  thread = b.threadId();
  row = b.divide(thread, kSplit);
  split = b.remainder(thread, kSplit);
  element = spec.element == Element::F32 ? Type(b.getF32Type())
                                         : Type(b.getBF16Type());
}

int64_t FmaTiles::tileElements(const AttentionSpec &spec) {
  return llvm::alignTo(kRows * strideOf(spec), 4);
}

void FmaTiles::load(const HeadRows &from, Value first, Value tile,
                    double factor, Value cos, Value sin) {
  int64_t half = spec.headDim / 2;
  b.loop(thread, b.constant(kRows * half), kThreads, [&](Value i) {
    Value r = b.divide(i, half), column = b.remainder(i, half);
    Value position = b.minimum(b.add(first, r), b.constant(spec.seqLen - 1));
    Value at = b.offset(from.base, b.add(b.mul(position, from.stride), column),
                        spec.element);
    Value low = b.loadNumbers(at, 1, element);
    Value high = b.loadNumbers(b.offset(at, half, spec.element), 1, element);
    if (cos) {
      Value angle = b.add(b.mul(position, half), column);
      Value c = b.loadF32(b.offset(cos, angle));
      Value s = b.loadF32(b.offset(sin, angle));
      Value x = low;
      low = b.subF(b.mulF(x, c), b.mulF(high, s));
      high = b.addF(b.mulF(x, s), b.mulF(high, c));
    }
    if (factor != 1) {
      low = b.mulF(low, b.constantF32(factor));
      high = b.mulF(high, b.constantF32(factor));
    }
    Value to = b.offset(tile, b.add(b.mul(r, stride), column));
    b.storeF32(low, to);
    b.storeF32(high, b.offset(to, half));
  });
}

void FmaTiles::store(Value tile, const HeadRows &to, Value first, double factor,
                     Value cos, Value sin) {
  int64_t half = spec.headDim / 2;
  b.loop(thread, b.constant(kRows * half), kThreads, [&](Value i) {
    Value r = b.divide(i, half), column = b.remainder(i, half);
    Value position = b.add(first, r);
    b.ifThen(b.less(position, b.constant(spec.seqLen)), [&] {
      Value from = b.offset(tile, b.add(b.mul(r, stride), column));
      Value low = b.loadF32(from), high = b.loadF32(b.offset(from, half));
      if (factor != 1) {
        low = b.mulF(low, b.constantF32(factor));
        high = b.mulF(high, b.constantF32(factor));
      }
      if (cos) {
        Value angle = b.add(b.mul(position, half), column);
        Value c = b.loadF32(b.offset(cos, angle));
        Value s = b.loadF32(b.offset(sin, angle));
        Value g = low;
        low = b.addF(b.mulF(g, c), b.mulF(high, s));
        high = b.subF(b.mulF(high, c), b.mulF(g, s));
      }
      Value at = b.offset(to.base, b.add(b.mul(position, to.stride), column),
                          spec.element);
      b.storeNumbers(low, at, element);
      b.storeNumbers(high, b.offset(at, half, spec.element), element);
    });
  });
}

static Value fma(GpuBuilder &b, Value x, Value y, Value sum) {
  return math::FmaOp::create(b, x, y, sum);
}

SmallVector<Value> FmaTiles::dots(Value a, Value c) {
  Values zeros(kOwnScores, b.constantF32(0));
  Value own = b.offset(a, b.mul(row, stride));
  Value other = b.offset(c, b.mul(split, stride));
  return b.loop(b.constant(0), b.constant(spec.headDim), 1, zeros,
                [&](Value column, ValueRange carried) {
                  Values sums(carried);
                  Value x = b.loadF32(b.offset(own, column));
                  Value at = b.offset(other, column);
                  for (int64_t i = 0; i < kOwnScores; ++i)
                    sums[i] =
                        fma(b, x, b.loadF32(b.offset(at, i * kSplit * stride)),
                            sums[i]);
                  return sums;
                });
}

Value FmaTiles::ownDot(Value a, Value c) {
  Value at = b.mul(row, stride);
  return b.loop(split, b.constant(spec.headDim), kSplit,
                Values{b.constantF32(0)},
                [&](Value column, ValueRange carried) {
                  Value index = b.add(at, column);
                  return Values{fma(b, b.loadF32(b.offset(a, index)),
                                    b.loadF32(b.offset(c, index)), carried[0])};
                })[0];
}

SmallVector<Value> FmaTiles::accumulate(Value scores, Value c,
                                        ValueRange sums) {
  Value own = b.offset(scores, b.mul(row, kRows + 1));
  Value other = b.offset(c, split);
  return b.loop(b.constant(0), b.constant(kRows), 1, sums,
                [&](Value k, ValueRange carried) {
                  Values next(carried);
                  Value x = b.loadF32(b.offset(own, k));
                  Value at = b.offset(other, b.mul(k, stride));
                  for (int64_t j = 0; j < ownColumns(); ++j)
                    next[j] =
                        fma(b, x, b.loadF32(b.offset(at, j * kSplit)), next[j]);
                  return next;
                });
}

void FmaTiles::storeOwn(ValueRange columns, Value tile) {
  Value own = b.offset(tile, b.add(b.mul(row, stride), split));
  for (auto [j, value] : llvm::enumerate(columns))
    b.storeF32(value, b.offset(own, static_cast<int64_t>(j) * kSplit));
}

void FmaTiles::storeScores(ValueRange own, Value scores) {
  Value at = b.offset(scores, b.add(b.mul(row, kRows + 1), split));
  for (auto [i, value] : llvm::enumerate(own))
    b.storeF32(value, b.offset(at, static_cast<int64_t>(i) * kSplit));
}

Value FmaTiles::sumOfRow(Value own) {
  return b.combineWarp(own, kSplit,
                       [&](Value x, Value y) { return b.addF(x, y); });
}

Value FmaTiles::maxOfRow(Value own) {
  return b.combineWarp(own, kSplit,
                       [&](Value x, Value y) { return b.maxF(x, y); });
}

Value FmaTiles::exponential(Value x) {
  if (spec.element == Element::F32)
    return math::ExpOp::create(b, x);
  Value scaled = b.mulF(x, b.constantF32(1.4426950408889634));
  return LLVM::Exp2Op::create(b, b.getF32Type(), scaled,
                              LLVM::FastmathFlags::afn);
}

Value FmaTiles::logarithm(Value x) { return math::LogOp::create(b, x); }
