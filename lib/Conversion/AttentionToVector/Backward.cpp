//===- Backward.cpp - The gradient of causal attention --------------------===//
//
//   K = rotate(k) * log2(e) * scale, Kt its panels
//   Vt = panels of (v * ln 2)^T; dK = dV = 0
//   for each query head of the group, for blocks of 96 queries:
//     Q = rotate(q), dO = dctx;  per row: L = lse * log2(e),
//                                         D = ln 2 * sum(dctx * ctx)
//     for 6 queries:
//       S = Q Kt; dP = dO Vt
//       P = exp2(S - L), dS = P * (dP - D); both 0 beyond the diagonal
//       dq = unrotate(dS K)
//     for 6 keys up to the block's end:
//       dV += P^T dO; dK += dS^T Q          from the diagonal on
//   dk = unrotate(dK) * log2(e) * scale; dv = dV
//
// The scales stand in K and V: ln 2 in dS and log2(e) in K cancel in dS K.
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
    keyPanels = scratch.take(layout.packed);
    values = scratch.take(whole);
    valuePanels = scratch.take(layout.packed);
    keyGrad = scratch.take(whole);
    valueGrad = scratch.take(whole);
    queries = scratch.take(block);
    outGrad = scratch.take(block);
    queryGrad = scratch.take(block);
    probabilities = scratch.take(kBlockRows * layout.scoreStride);
    scoreGrad = scratch.take(kBlockRows * layout.scoreStride);
  }
  Scratch scratch;
  int64_t keys, keyPanels, values, valuePanels, keyGrad, valueGrad;
  int64_t queries, outGrad, queryGrad, probabilities, scoreGrad;
};

} // namespace

/// (S, dP, valid, end, L, D): S becomes P and dP becomes dS in one row; 0 for
/// keys [valid, end).
static LLVM::LLVMFuncOp gradRow(KernelBuilder &b) {
  Type ptr = b.ptrType(), i64 = b.getI64Type(), f32 = b.getF32Type();
  return b.privateFunction(
      "mixln.softmax.grad", {ptr, ptr, i64, i64, f32, f32},
      [&](ValueRange args) {
        Value valid = args[2], end = args[3];
        int64_t lanes = b.lanes();
        Value whole = b.mul(b.divide(valid, b.constant(lanes)), lanes);
        Value shift = b.broadcast(args[4]), mean = b.broadcast(args[5]);
        auto body = [&](Value at, bool masked) {
          Value scores = b.offset(args[0], at), grads = b.offset(args[1], at);
          Value mask = masked ? b.maskFor(b.sub(valid, at)) : Value();
          Value p = exp2(b, b.subF(b.loadVector(scores, mask), shift));
          Value ds = b.mulF(p, b.subF(b.loadVector(grads, mask), mean));
          if (masked) {
            p = b.select(mask, p, b.zeroVector());
            ds = b.select(mask, ds, b.zeroVector());
          }
          b.storeVector(p, scores);
          b.storeVector(ds, grads);
        };
        b.loop(b.constant(0), whole, lanes, [&](Value at) { body(at, false); });
        b.loop(whole, end, lanes, [&](Value at) { body(at, true); });
      });
}

/// (A, lda, B, C, firstQuery, endQuery): C[key] += sum of A[q][key] * B[q] over
/// the queries q >= key, for keys [0, endQuery); A and B begin at firstQuery.
static LLVM::LLVMFuncOp addTransposed(KernelBuilder &b,
                                      const AttentionSpec &spec) {
  const TargetInfo &target = b.getTarget();
  int64_t paddedDim = Layout(target, spec).paddedDim;
  Type ptr = b.ptrType(), i64 = b.getI64Type();
  return b.privateFunction(
      "mixln.add_transposed." + std::to_string(paddedDim),
      {ptr, i64, ptr, ptr, i64, i64}, [&](ValueRange args) {
        Value lda = args[1], firstQuery = args[4], endQuery = args[5];
        Value stride = b.constant(paddedDim), zero = b.constant(0);
        MicroKernelSpec micro;
        micro.rows = tileRows(target);
        micro.transposeLhs = true;
        micro.rhsStride = paddedDim;
        int64_t width = panelColumns(target);
        for (int64_t at = 0; at < paddedDim; at += width) {
          int64_t columns = std::min(width, paddedDim - at);
          micro.vectors = columns / b.lanes();
          forRowTiles(
              b, zero, endQuery, micro,
              [&](LLVM::LLVMFuncOp callee, Value key) {
                Value query = b.maximum(key, firstQuery);
                Value skip = b.sub(query, firstQuery);
                Value lhs = b.offset(args[0], b.add(b.mul(skip, lda), key));
                Value rhs = b.offset(
                    args[2], b.add(b.mul(skip, stride), b.constant(at)));
                Value out = b.offset(args[3],
                                     b.add(b.mul(key, stride), b.constant(at)));
                b.call(callee, {lhs, lda, rhs, stride, out, stride,
                                b.sub(endQuery, query), b.constant(columns),
                                b.constant(kAdd), b.nullPtr()});
              });
        }
      });
}

int64_t mixln::attentionGradScratchBytes(const TargetInfo &target,
                                         const AttentionSpec &spec) {
  return Places(target, spec).scratch.bytes();
}

void mixln::emitAttentionGradKernel(KernelBuilder &b, StringRef symbol,
                                    const AttentionSpec &spec) {
  const TargetInfo &target = b.getTarget();
  Layout layout(target, spec);
  Places places(target, spec);
  int64_t dim = spec.headDim, rows = tileRows(target);
  int64_t queryStride = spec.heads * dim, keyStride = spec.kvHeads * dim;
  int64_t group = spec.heads / spec.kvHeads;
  double scale = kLog2E * spec.scoreScale();
  LLVM::LLVMFuncOp rotate = rotateRows(b, spec);
  LLVM::LLVMFuncOp unrotate = unrotateRows(b, spec);
  LLVM::LLVMFuncOp gather = gatherRows(b, spec), scatter = scatterRows(b, spec);
  LLVM::LLVMFuncOp pack = packFunction(b, PackSpec());
  LLVM::LLVMFuncOp block = blockFunction(b, BlockSpec());
  LLVM::LLVMFuncOp softmaxGrad = gradRow(b), times = timesRows(b, spec);
  LLVM::LLVMFuncOp addTo = addTransposed(b, spec);

  b.kernelFunction(symbol, [&](KernelBuilder::Arguments args) {
    SmallVector<Value> pointers;
    for (int64_t i = 0; i < 11; ++i)
      pointers.push_back(b.loadPtr(args.pointers, i));
    Value cos = pointers[3], sin = pointers[4];
    Value zero = b.constant(0), seqLen = b.constant(spec.seqLen);
    Value depth = b.constant(dim), padded = b.constant(layout.paddedDim);
    Value stride = b.constant(layout.scoreStride);
    Value panels = b.constant(layout.panels);
    Value queryLd = b.constant(queryStride), keyLd = b.constant(keyStride);
    auto place = [&](int64_t at) { return b.offset(args.scratch, at); };
    auto operand = [&](int64_t i, Value at) {
      return b.offset(pointers[i], at, spec.element);
    };

    Value sequence = b.divide(args.task, b.constant(spec.kvHeads));
    Value kvHead = b.sub(args.task, b.mul(sequence, spec.kvHeads));
    Value firstRow = b.mul(sequence, spec.seqLen);
    Value keyAt = b.add(b.mul(firstRow, keyStride), b.mul(kvHead, dim));
    b.call(rotate, {operand(1, keyAt), keyLd, cos, sin, b.constantF32(scale),
                    place(places.keys), seqLen});
    b.call(pack, {place(places.keys), padded, place(places.keyPanels), seqLen,
                  depth, zero, panels});
    b.call(gather, {operand(2, keyAt), keyLd, b.constantF32(kLn2),
                    place(places.values), seqLen});
    b.call(pack, {place(places.values), padded, place(places.valuePanels),
                  seqLen, depth, zero, panels});
    b.loop(zero, b.constant(spec.seqLen * layout.paddedDim), b.lanes(),
           [&](Value at) {
             for (int64_t grad : {places.keyGrad, places.valueGrad})
               b.storeVector(b.zeroVector(), b.offset(place(grad), at));
           });

    // One strip: P and dS of its rows, then its dq.
    auto strip = [&](Value head, Value queryAt, Value firstQuery, Value first,
                     Value count) {
      Value end = b.add(first, count);
      Value skip = b.sub(first, firstQuery);
      Value scoresAt = b.mul(skip, layout.scoreStride);
      Value rowsAt = b.mul(skip, layout.paddedDim);
      Value scores = b.offset(place(places.probabilities), scoresAt);
      Value grads = b.offset(place(places.scoreGrad), scoresAt);
      Value blocks = b.ceilDivide(end, panelColumns(target));
      b.call(block, {b.offset(place(places.queries), rowsAt), padded,
                     place(places.keyPanels), zero, scores, stride, zero, count,
                     zero, blocks, end, depth, zero, b.nullPtr()});
      b.call(block, {b.offset(place(places.outGrad), rowsAt), padded,
                     place(places.valuePanels), zero, grads, stride, zero,
                     count, zero, blocks, end, depth, zero, b.nullPtr()});
      b.loop(zero, count, 1, [&](Value row) {
        Value query = b.add(first, row);
        Value at = b.add(queryAt, b.mul(query, queryStride));
        Value sums = b.zeroVector();
        forVectors(b, dim, [&](int64_t lane, Value mask) {
          Value from = b.add(at, b.constant(lane));
          sums =
              b.fma(b.loadVector(operand(5, from), mask, spec.element),
                    b.loadVector(operand(7, from), mask, spec.element), sums);
        });
        Value mean = b.mulF(b.sumLanes(sums), b.constantF32(kLn2));
        Value lse = b.loadF32(
            b.offset(pointers[6],
                     b.add(b.mul(b.add(firstRow, query), spec.heads), head)));
        Value rowAt = b.mul(row, layout.scoreStride);
        // Zeros reach past the strip: a tile of keys that begins at this
        // query reads as many columns as it has rows.
        b.call(softmaxGrad, {b.offset(scores, rowAt), b.offset(grads, rowAt),
                             b.add(query, 1), b.add(query, rows),
                             b.mulF(lse, b.constantF32(kLog2E)), mean});
      });
      b.call(times, {grads, stride, place(places.keys),
                     b.offset(place(places.queryGrad), rowsAt), count, end});
    };

    b.loop(zero, b.constant(group), 1, [&](Value member) {
      Value head = b.add(b.mul(kvHead, group), member);
      Value queryAt = b.add(b.mul(firstRow, queryStride), b.mul(head, dim));
      b.loop(zero, seqLen, kBlockRows, [&](Value firstQuery) {
        Value endQuery = b.minimum(b.add(firstQuery, kBlockRows), seqLen);
        Value count = b.sub(endQuery, firstQuery);
        Value at = b.add(queryAt, b.mul(firstQuery, queryStride));
        Value tableAt = b.mul(firstQuery, dim / 2);
        Value cosAt = b.offset(cos, tableAt), sinAt = b.offset(sin, tableAt);
        b.call(rotate, {operand(0, at), queryLd, cosAt, sinAt, b.constantF32(1),
                        place(places.queries), count});
        b.call(gather, {operand(7, at), queryLd, b.constantF32(1),
                        place(places.outGrad), count});
        b.loop(firstQuery, endQuery, rows, [&](Value first) {
          strip(head, queryAt, firstQuery, first,
                b.minimum(b.constant(rows), b.sub(endQuery, first)));
        });
        b.call(unrotate, {place(places.queryGrad), cosAt, sinAt,
                          b.constantF32(1), operand(8, at), queryLd, count});
        b.call(addTo,
               {place(places.probabilities), stride, place(places.outGrad),
                place(places.valueGrad), firstQuery, endQuery});
        b.call(addTo, {place(places.scoreGrad), stride, place(places.queries),
                       place(places.keyGrad), firstQuery, endQuery});
      });
    });

    b.call(unrotate, {place(places.keyGrad), cos, sin, b.constantF32(scale),
                      operand(9, keyAt), keyLd, seqLen});
    b.call(scatter,
           {place(places.valueGrad), operand(10, keyAt), keyLd, seqLen});
  });
}
