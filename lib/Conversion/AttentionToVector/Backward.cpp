//===- Backward.cpp - The gradient of causal attention --------------------===//
//
//   K = rotate(k), Kt its panels; Vt = panels of v^T; dK = dV = 0
//   c = scale * log2(e)
//   for each query head of the group, for blocks of 96 queries:
//     Q = rotate(q), dO = dctx;  per row: L = lse * log2(e),
//                                         D = sum(dctx * ctx)
//     for 6 queries:
//       S = Q Kt; dP = dO Vt
//       P = exp2(c S - L), dS = P * (dP - D); both 0 beyond the diagonal
//       dq = scale * unrotate(dS K)
//     for 6 keys up to the block's end:
//       dV += P^T dO; dK += dS^T Q          from the diagonal on
//   dk = scale * unrotate(dK); dv = dV
//
// Where bf16 is multiplied, all of these are words along the inner dimension of
// the product that reads them: dS is stored twice, along keys for dS K and
// along queries for dS^T Q, and so are K, Q and dO.
//
//===----------------------------------------------------------------------===//

#include "Heads.h"

using namespace mlir;
using namespace mixln;
using namespace mixln::attention;

/// Queries whose P and dS are kept at once; a multiple of every tile's rows.
static constexpr int64_t kBlockRows = 96;

namespace {

/// Offsets into scratch, in elements.
struct Places {
  Places(const TargetInfo &target, const AttentionSpec &spec) {
    Layout layout(target, spec);
    int64_t whole = spec.seqLen * layout.paddedDim;
    int64_t block = kBlockRows * layout.paddedDim;
    keys = scratch.take(whole);
    keyPairs = scratch.take(whole + layout.paddedDim);
    keyPanels = scratch.take(layout.packed);
    valuePanels = scratch.take(layout.packed);
    keyGrad = scratch.take(whole);
    valueGrad = scratch.take(whole);
    queries = scratch.take(block);
    queryPairs = scratch.take(block);
    outGrad = scratch.take(block);
    queryGrad = scratch.take(block);
    probabilities = scratch.take(kBlockRows * layout.scoreStride);
    scoreGrad = scratch.take(kBlockRows * layout.scoreStride);
    strip = scratch.take(tileRows(target) * layout.scoreStride);
    stripGrad = scratch.take(tileRows(target) * layout.scoreStride);
  }
  Scratch scratch;
  int64_t keys, keyPairs, keyPanels, valuePanels, keyGrad, valueGrad;
  int64_t queries, queryPairs, outGrad, queryGrad, probabilities, scoreGrad;
  /// Scores of one strip, where the block holds words.
  int64_t strip, stripGrad;
};

} // namespace

/// (A, lda, B, C, firstQuery, endQuery): C[key] += sum of A[q][key] * B[q] over
/// the queries q >= key, for keys [0, endQuery); A and B begin at firstQuery.
/// Rows of words are pairs of queries; the one before the diagonal adds 0.
static LLVM::LLVMFuncOp addTransposed(KernelBuilder &b,
                                      const AttentionSpec &spec) {
  const TargetInfo &target = b.getTarget();
  int64_t paddedDim = Layout(target, spec).paddedDim;
  Element inner = innerElement(target, spec);
  bool words = inner == Element::BF16;
  Type ptr = b.ptrType(), i64 = b.getI64Type();
  return b.privateFunction(
      "mixln.add_transposed." + std::to_string(paddedDim) +
          (words ? ".bf16" : ""),
      {ptr, i64, ptr, ptr, i64, i64}, [&](ValueRange args) {
        Value lda = args[1], firstQuery = args[4], endQuery = args[5];
        Value stride = b.constant(paddedDim), zero = b.constant(0);
        MicroKernelSpec micro;
        micro.rows = tileRows(target);
        micro.transposeLhs = true;
        micro.product = inner;
        micro.rhsStride = paddedDim;
        int64_t width = panelColumns(target);
        for (int64_t at = 0; at < paddedDim; at += width) {
          int64_t columns = std::min(width, paddedDim - at);
          micro.vectors = columns / b.lanes();
          forRowTiles(b, zero, endQuery, micro,
                      [&](LLVM::LLVMFuncOp callee, Value key) {
                        Value query = b.maximum(key, firstQuery);
                        Value skip = b.sub(query, firstQuery);
                        Value depth = b.sub(endQuery, firstQuery);
                        if (words) {
                          skip = b.divide(skip, b.constant(2));
                          depth = b.ceilDivide(depth, 2);
                        }
                        Value lhs =
                            b.offset(args[0], b.add(b.mul(skip, lda), key));
                        Value rhs = b.offset(args[2], b.add(b.mul(skip, stride),
                                                            b.constant(at)));
                        Value out = b.offset(
                            args[3], b.add(b.mul(key, stride), b.constant(at)));
                        b.call(callee, {lhs, lda, rhs, stride, out, stride,
                                        b.sub(depth, skip), b.constant(columns),
                                        b.constant(kAdd), b.nullPtr()});
                      });
        }
      });
}

int64_t mixln::attentionGradScratchBytes(const TargetInfo &target,
                                         const AttentionSpec &spec) {
  return Places(target, spec).scratch.bytes();
}

namespace {

/// Writes the kernel.
class GradEmitter {
public:
  GradEmitter(KernelBuilder &b, const AttentionSpec &spec)
      : b(b), spec(spec), layout(b.getTarget(), spec),
        places(b.getTarget(), spec), inner(innerElement(b.getTarget(), spec)),
        words(inner == Element::BF16), dim(spec.headDim),
        rows(tileRows(b.getTarget())), queryStride(spec.heads * dim),
        keyStride(spec.kvHeads * dim) {}
  void emit(KernelBuilder::Arguments arguments);

private:
  enum { kQ, kK, kV, kCos, kSin, kCtx, kLse, kDctx, kDq, kDk, kDv, kOperands };

  Value place(int64_t at) { return b.offset(args.scratch, at); }
  Value operand(int64_t i, Value at) {
    return b.offset(pointers[i], at, spec.element);
  }
  void prepareKeys();
  void queryBlock(Value head, Value firstQuery);
  void strip(Value head, Value first, Value count);
  /// -L and D of a query.
  std::pair<Value, Value> numbersOf(Value head, Value query);
  Value queryAt(Value query) {
    return b.add(headAt, b.mul(query, queryStride));
  }

  KernelBuilder &b;
  const AttentionSpec &spec;
  Layout layout;
  Places places;
  Element inner;
  bool words;
  int64_t dim, rows, queryStride, keyStride;

  KernelBuilder::Arguments args;
  SmallVector<Value> pointers;
  /// The task's first row, its head of k and v there, a query head's first
  /// element, the block's queries.
  Value firstRow, keyAt, headAt, firstQuery, endQuery;
};

} // namespace

void GradEmitter::prepareKeys() {
  Value seqLen = b.constant(spec.seqLen), zero = b.constant(0);
  Value padded = b.constant(layout.paddedDim), depth = b.constant(dim);
  Value panels = b.constant(layout.panels), ld = b.constant(keyStride);
  PackSpec packKeys, packValues;
  packKeys.to = packValues.to = inner;
  // Values are read where they are; f32 that bf16 must become is gathered.
  bool inPlace = spec.element == inner;
  if (inPlace)
    packValues.from = inner;
  b.call(rotateRows(b, spec, Element::F32),
         {operand(kK, keyAt), ld, pointers[kCos], pointers[kSin],
          place(places.keys), seqLen});
  b.call(packFunction(b, packKeys),
         {place(places.keys), padded, place(places.keyPanels), seqLen, depth,
          zero, panels});
  if (words)
    b.call(pairFunction(b, {Element::F32}),
           {place(places.keys), padded, place(places.keyPairs), padded, seqLen,
            depth, zero, b.constant((spec.seqLen + 1) / 2)});
  Value values = operand(kV, keyAt), valuesLd = ld;
  if (!inPlace) {
    // Gradients of values are not there yet.
    values = place(places.valueGrad);
    valuesLd = padded;
    b.call(gatherRows(b, spec), {operand(kV, keyAt), ld, values, seqLen});
  }
  b.call(packFunction(b, packValues),
         {values, valuesLd, place(places.valuePanels), seqLen, depth, zero,
          panels});
  b.loop(zero, b.constant(spec.seqLen * layout.paddedDim), b.lanes(),
         [&](Value at) {
           for (int64_t grad : {places.keyGrad, places.valueGrad})
             b.storeVector(b.zeroVector(), b.offset(place(grad), at));
         });
}

std::pair<Value, Value> GradEmitter::numbersOf(Value head, Value query) {
  Value at = queryAt(query), sums = b.zeroVector();
  forVectors(b, dim, [&](int64_t lane, Value mask) {
    Value from = b.add(at, b.constant(lane));
    sums = b.fma(b.loadVector(operand(kCtx, from), mask, spec.element),
                 b.loadVector(operand(kDctx, from), mask, spec.element), sums);
  });
  Value lse = b.loadF32(b.offset(
      pointers[kLse], b.add(b.mul(b.add(firstRow, query), spec.heads), head)));
  return {b.mulF(lse, b.constantF32(-kLog2E)), b.sumLanes(sums)};
}

/// P and dS of `count` queries from `first` on, then their dq.
void GradEmitter::strip(Value head, Value first, Value count) {
  Value zero = b.constant(0), padded = b.constant(layout.paddedDim);
  Value stride = b.constant(layout.scoreStride);
  Value factor = b.constantF32(kLog2E * spec.scoreScale());
  Value end = b.add(first, count), skip = b.sub(first, firstQuery);
  Value rowsAt = b.mul(skip, layout.paddedDim);
  Value scoresAt = b.mul(skip, layout.scoreStride);
  Value scores = words ? place(places.strip)
                       : b.offset(place(places.probabilities), scoresAt);
  Value grads = words ? place(places.stripGrad)
                      : b.offset(place(places.scoreGrad), scoresAt);
  Value panels = b.ceilDivide(end, panelColumns(b.getTarget()));
  Value depth = b.constant(words ? dim / 2 : dim);
  BlockSpec products;
  products.product = inner;
  LLVM::LLVMFuncOp block = blockFunction(b, products);
  b.call(block, {b.offset(place(places.queries), rowsAt, inner), padded,
                 place(places.keyPanels), zero, scores, stride, zero, count,
                 zero, panels, end, depth, zero, b.nullPtr()});
  Value outGrad = words ? operand(kDctx, queryAt(first))
                        : b.offset(place(places.outGrad), rowsAt);
  b.call(block, {outGrad, words ? b.constant(queryStride) : padded,
                 place(places.valuePanels), zero, grads, stride, zero, count,
                 zero, panels, end, depth, zero, b.nullPtr()});

  // Zeros reach past the strip: a tile of keys that begins at a query, or at
  // the second of a pair, reads as many columns as it has rows.
  if (words)
    b.loop(zero, count, 2, [&](Value row) {
      Value query = b.add(first, row), next = b.add(row, 1);
      Value hasNext = b.less(next, count);
      Value second = b.select(hasNext, b.add(query, 1), query);
      auto [shift, mean] = numbersOf(head, query);
      auto [nextShift, nextMean] = numbersOf(head, second);
      Value rowAt = b.mul(row, layout.scoreStride);
      Value wordsAt =
          b.mul(b.divide(b.add(skip, row), b.constant(2)), layout.scoreStride);
      b.call(gradRowPair(b),
             {b.offset(scores, rowAt), b.offset(grads, rowAt), stride,
              b.offset(place(places.probabilities), wordsAt),
              b.offset(place(places.scoreGrad), wordsAt), b.add(query, 1),
              b.select(hasNext, b.add(query, 2), zero), b.add(query, rows + 1),
              factor, shift, mean, nextShift, nextMean});
    });
  else
    b.loop(zero, count, 1, [&](Value row) {
      Value query = b.add(first, row);
      auto [shift, mean] = numbersOf(head, query);
      Value rowAt = b.mul(row, layout.scoreStride);
      b.call(gradRow(b),
             {b.offset(scores, rowAt), b.offset(grads, rowAt), b.add(query, 1),
              b.add(query, rows), factor, shift, mean});
    });
  b.call(timesRows(b, spec), {grads, words ? b.mul(stride, 2) : stride,
                              place(words ? places.keyPairs : places.keys),
                              b.offset(place(places.queryGrad), rowsAt), count,
                              words ? b.ceilDivide(end, 2) : end});
}

void GradEmitter::queryBlock(Value head, Value first) {
  firstQuery = first;
  endQuery = b.minimum(b.add(first, kBlockRows), b.constant(spec.seqLen));
  Value count = b.sub(endQuery, firstQuery), at = queryAt(firstQuery);
  Value zero = b.constant(0), padded = b.constant(layout.paddedDim);
  Value ld = b.constant(queryStride), depth = b.constant(dim);
  Value tableAt = b.mul(firstQuery, dim / 2);
  Value cos = b.offset(pointers[kCos], tableAt);
  Value sin = b.offset(pointers[kSin], tableAt);
  b.call(rotateRows(b, spec, inner),
         {operand(kQ, at), ld, cos, sin, place(places.queries), count});
  if (words) {
    LLVM::LLVMFuncOp pair = pairFunction(b, {Element::BF16});
    Value pairs = b.ceilDivide(count, 2);
    b.call(pair, {place(places.queries), padded, place(places.queryPairs),
                  padded, count, depth, zero, pairs});
    b.call(pair, {operand(kDctx, at), ld, place(places.outGrad), padded, count,
                  depth, zero, pairs});
  } else {
    b.call(gatherRows(b, spec),
           {operand(kDctx, at), ld, place(places.outGrad), count});
  }
  b.loop(firstQuery, endQuery, rows, [&](Value strips) {
    strip(head, strips, b.minimum(b.constant(rows), b.sub(endQuery, strips)));
  });
  b.call(unrotateRows(b, spec),
         {place(places.queryGrad), cos, sin, b.constantF32(spec.scoreScale()),
          operand(kDq, at), ld, count});
  Value stride = b.constant(layout.scoreStride);
  LLVM::LLVMFuncOp addTo = addTransposed(b, spec);
  b.call(addTo, {place(places.probabilities), stride, place(places.outGrad),
                 place(places.valueGrad), firstQuery, endQuery});
  b.call(addTo, {place(places.scoreGrad), stride,
                 place(words ? places.queryPairs : places.queries),
                 place(places.keyGrad), firstQuery, endQuery});
}

void GradEmitter::emit(KernelBuilder::Arguments arguments) {
  args = arguments;
  for (int64_t i = 0; i < kOperands; ++i)
    pointers.push_back(b.loadPtr(args.pointers, i));
  Value zero = b.constant(0), seqLen = b.constant(spec.seqLen);
  Value sequence = b.divide(args.task, b.constant(spec.kvHeads));
  Value kvHead = b.sub(args.task, b.mul(sequence, spec.kvHeads));
  firstRow = b.mul(sequence, spec.seqLen);
  keyAt = b.add(b.mul(firstRow, keyStride), b.mul(kvHead, dim));
  prepareKeys();
  int64_t group = spec.heads / spec.kvHeads;
  b.loop(zero, b.constant(group), 1, [&](Value member) {
    Value head = b.add(b.mul(kvHead, group), member);
    headAt = b.add(b.mul(firstRow, queryStride), b.mul(head, dim));
    b.loop(zero, seqLen, kBlockRows,
           [&](Value first) { queryBlock(head, first); });
  });
  Value ld = b.constant(keyStride);
  b.call(unrotateRows(b, spec),
         {place(places.keyGrad), pointers[kCos], pointers[kSin],
          b.constantF32(spec.scoreScale()), operand(kDk, keyAt), ld, seqLen});
  b.call(scatterRows(b, spec),
         {place(places.valueGrad), operand(kDv, keyAt), ld, seqLen});
}

void mixln::emitAttentionGradKernel(KernelBuilder &b, StringRef symbol,
                                    const AttentionSpec &spec) {
  b.kernelFunction(symbol, [&](KernelBuilder::Arguments args) {
    GradEmitter(b, spec).emit(args);
  });
}
