//===- Forward.cpp - Causal attention -------------------------------------===//
//
//   Kt = panels of rotate(k)^T; V = rows of v
//   for each query head of the group:
//     for r in queries step 6:
//       Q = rotate(q[r..]); S[6][..r+6] = Q Kt; c = scale * log2(e)
//       per row: m = max c S, P = exp2(c S - m), 0 beyond the diagonal,
//                s = sum P
//       O = P V; ctx = O / s;  m + log2(s) is kept
//     lse = ln(2) * (m + log2(s))
//     where measured: largest = ln(2) * m,
//                     entropy = ln(2) * (log2(s) - sum(P log2(P)) / s)
//
// A strip holds the scores of all keys, so there is no online softmax: S of 6
// rows is small even for long sequences. Where bf16 is multiplied, Kt and V are
// words and Q and P rows of bf16.
//
//===----------------------------------------------------------------------===//

#include "Heads.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mixln;
using namespace mixln::attention;

namespace {

/// Offsets into scratch, in elements.
struct Places {
  Places(const TargetInfo &target, const AttentionSpec &spec) {
    Layout layout(target, spec);
    int64_t rows = tileRows(target);
    keys = scratch.take(spec.seqLen * layout.paddedDim);
    panels = scratch.take(layout.packed);
    values = scratch.take(spec.seqLen * layout.paddedDim);
    queries = scratch.take(rows * layout.paddedDim);
    scores = scratch.take(rows * layout.scoreStride);
    out = scratch.take(rows * layout.paddedDim);
    maxima = scratch.take(spec.seqLen + target.lanes);
    total = scratch.take(spec.seqLen + target.lanes);
    if (spec.measured)
      weighted = scratch.take(spec.seqLen + target.lanes);
  }
  Scratch scratch;
  int64_t keys, panels, values, queries, scores, out, maxima, total;
  int64_t weighted = 0; ///< sums of P log2(P)
};

} // namespace

int64_t mixln::attentionScratchBytes(const TargetInfo &target,
                                     const AttentionSpec &spec) {
  return Places(target, spec).scratch.bytes();
}

void mixln::emitAttentionKernel(KernelBuilder &b, StringRef symbol,
                                const AttentionSpec &spec) {
  const TargetInfo &target = b.getTarget();
  Layout layout(target, spec);
  Places places(target, spec);
  int64_t dim = spec.headDim, rows = tileRows(target);
  int64_t queryStride = spec.heads * dim, keyStride = spec.kvHeads * dim;
  int64_t group = spec.heads / spec.kvHeads;
  double factor = kLog2E * spec.scoreScale();
  Element inner = innerElement(target, spec);
  bool words = inner == Element::BF16;
  LLVM::LLVMFuncOp rotateKeys = rotateRows(b, spec, Element::F32);
  LLVM::LLVMFuncOp rotateQueries = rotateRows(b, spec, inner);
  PackSpec panels;
  panels.to = inner;
  LLVM::LLVMFuncOp pack = packFunction(b, panels);
  BlockSpec products;
  products.product = inner;
  LLVM::LLVMFuncOp block = blockFunction(b, products);
  LLVM::LLVMFuncOp softmax = softmaxRow(b, inner, spec.measured),
                   times = timesRows(b, spec);

  b.kernelFunction(symbol, [&](KernelBuilder::Arguments args) {
    SmallVector<Value> pointers;
    for (int64_t i = 0, e = spec.measured ? 9 : 7; i < e; ++i)
      pointers.push_back(b.loadPtr(args.pointers, i));
    Value cos = pointers[3], sin = pointers[4];
    Value zero = b.constant(0), seqLen = b.constant(spec.seqLen);
    Value depth = b.constant(dim), padded = b.constant(layout.paddedDim);
    Value stride = b.constant(layout.scoreStride);
    auto place = [&](int64_t at) { return b.offset(args.scratch, at); };
    auto operand = [&](int64_t i, Value at) {
      return b.offset(pointers[i], at, spec.element);
    };

    Value sequence = b.divide(args.task, b.constant(spec.kvHeads));
    Value kvHead = b.sub(args.task, b.mul(sequence, spec.kvHeads));
    Value firstRow = b.mul(sequence, spec.seqLen);
    Value keyAt = b.add(b.mul(firstRow, keyStride), b.mul(kvHead, dim));
    b.call(rotateKeys, {operand(1, keyAt), b.constant(keyStride), cos, sin,
                        place(places.keys), seqLen});
    b.call(pack, {place(places.keys), padded, place(places.panels), seqLen,
                  depth, zero, b.constant(layout.panels)});
    if (words)
      b.call(pairFunction(b, {Element::BF16}),
             {operand(2, keyAt), b.constant(keyStride), place(places.values),
              padded, seqLen, depth, zero, b.constant((spec.seqLen + 1) / 2)});
    else
      b.call(gatherRows(b, spec), {operand(2, keyAt), b.constant(keyStride),
                                   place(places.values), seqLen});

    b.loop(zero, b.constant(group), 1, [&](Value member) {
      Value head = b.add(b.mul(kvHead, group), member);
      Value queryAt = b.add(b.mul(firstRow, queryStride), b.mul(head, dim));
      b.loop(zero, seqLen, rows, [&](Value first) {
        Value end = b.minimum(b.add(first, rows), seqLen);
        Value count = b.sub(end, first);
        Value at = b.add(queryAt, b.mul(first, queryStride));
        Value tableAt = b.mul(first, dim / 2);
        b.call(rotateQueries,
               {operand(0, at), b.constant(queryStride), b.offset(cos, tableAt),
                b.offset(sin, tableAt), place(places.queries), count});
        b.call(block, {place(places.queries), padded, place(places.panels),
                       zero, place(places.scores), stride, zero, count, zero,
                       b.ceilDivide(end, panelColumns(target)), end,
                       b.constant(words ? dim / 2 : dim), zero, b.nullPtr()});
        b.loop(zero, count, 1, [&](Value row) {
          Value query = b.add(first, row);
          SmallVector<Value> operands = {
              b.offset(place(places.scores), b.mul(row, layout.scoreStride)),
              b.add(query, 1),
              end,
              b.constantF32(factor),
              b.offset(place(places.maxima), query),
              b.offset(place(places.total), query)};
          if (spec.measured)
            operands.push_back(b.offset(place(places.weighted), query));
          b.call(softmax, operands);
        });
        // A row of P as bf16 lies over its row of f32.
        b.call(times, {place(places.scores), words ? b.mul(stride, 2) : stride,
                       place(places.values), place(places.out), count,
                       words ? b.ceilDivide(end, 2) : end});
        b.loop(zero, count, 1, [&](Value row) {
          Value sum =
              b.loadF32(b.offset(place(places.total), b.add(first, row)));
          Value inverse = b.broadcast(b.divF(b.constantF32(1), sum));
          Value from =
              b.offset(place(places.out), b.mul(row, layout.paddedDim));
          Value to =
              b.offset(operand(5, at), b.mul(row, queryStride), spec.element);
          forVectors(b, dim, [&](int64_t column, Value mask) {
            Value value = b.loadVector(b.offset(from, column));
            b.storeVector(b.mulF(value, inverse),
                          b.offset(to, column, spec.element), mask,
                          spec.element);
          });
        });
      });

      // Logarithms, a vector at a time.
      b.loop(zero, seqLen, b.lanes(), [&](Value at) {
        Value sum = b.loadVector(b.offset(place(places.total), at));
        Value max = b.offset(place(places.maxima), at);
        Value log = math::Log2Op::create(b, sum);
        Value ln2 = b.broadcast(b.constantF32(kLn2));
        if (spec.measured) {
          Value weighted = b.offset(place(places.weighted), at);
          Value mean = b.divF(b.loadVector(weighted), sum);
          b.storeVector(b.mulF(b.subF(log, mean), ln2), weighted);
          b.storeVector(b.mulF(b.loadVector(max), ln2),
                        b.offset(place(places.total), at));
        }
        Value lse = b.addF(b.loadVector(max), log);
        b.storeVector(b.mulF(lse, ln2), max);
      });
      b.loop(zero, seqLen, 1, [&](Value query) {
        Value row = b.add(firstRow, query);
        Value to = b.add(b.mul(row, spec.heads), head);
        // The sums are not needed any more: the largest scores lie there.
        const int64_t from[] = {places.maxima, places.total, places.weighted};
        for (auto [number, result] :
             llvm::zip(from, ArrayRef<Value>(pointers).drop_front(6)))
          b.storeF32(b.loadF32(b.offset(place(number), query)),
                     b.offset(result, to));
      });
    });
  });
}
