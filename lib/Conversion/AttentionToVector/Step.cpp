//===- Step.cpp - Attention of one position over those before it ----------===//
//
//   K[at] = k, V[at] = v                      the caches, keys not rotated
//   R = rotate(K[0..at])
//   for each query head of the group:
//     q' = rotate(q); S = R q'; m = max c S, P = exp2(c S - m), s = sum P
//     ctx = sum of P[t] * V[t] / s
//
// One task a key/value head. Where the operands are bf16 and the CPU multiplies
// bf16, rotated rows are rounded as those of `attention` are.
//
//===----------------------------------------------------------------------===//

#include "Heads.h"

using namespace mlir;
using namespace mixln;
using namespace mixln::attention;

namespace {

/// Offsets into scratch, in elements.
struct Places {
  Places(const TargetInfo &target, const AttentionSpec &spec) {
    Layout layout(target, spec);
    keys = scratch.take(spec.seqLen * layout.paddedDim);
    query = scratch.take(layout.paddedDim);
    scores = scratch.take(layout.scoreStride);
    maximum = scratch.take(1);
    total = scratch.take(1);
  }
  Scratch scratch;
  int64_t keys, query, scores, maximum, total;
};

} // namespace

int64_t mixln::attentionStepScratchBytes(const TargetInfo &target,
                                         const AttentionSpec &spec) {
  return Places(target, spec).scratch.bytes();
}

/// (R, q, S, count): dot products of rows paddedDim apart with one row.
static LLVM::LLVMFuncOp scoreRows(KernelBuilder &b, const AttentionSpec &spec,
                                  Element inner) {
  int64_t paddedDim = Layout(b.getTarget(), spec).paddedDim;
  Type ptr = b.ptrType(), i64 = b.getI64Type();
  std::string name = "mixln.score_rows." + std::to_string(spec.headDim) +
                     (inner == Element::BF16 ? ".bf16" : "");
  return b.privateFunction(name, {ptr, ptr, ptr, i64}, [&](ValueRange args) {
    SmallVector<Value> query;
    forVectors(b, spec.headDim, [&](int64_t at, Value mask) {
      query.push_back(b.loadVector(b.offset(args[1], at, inner), mask, inner));
    });
    b.loop(b.constant(0), args[3], 1, [&](Value row) {
      Value from = b.offset(args[0], b.mul(row, paddedDim), inner);
      Value sum = b.zeroVector();
      forVectors(b, spec.headDim, [&](int64_t at, Value mask) {
        Value key = b.loadVector(b.offset(from, at, inner), mask, inner);
        sum = b.fma(key, query[at / b.lanes()], sum);
      });
      b.storeF32(b.sumLanes(sum), b.offset(args[2], row));
    });
  });
}

/// (P, V, ld, out, total, count): sum of P[t] * V[t] / total.
static LLVM::LLVMFuncOp weighRows(KernelBuilder &b, const AttentionSpec &spec) {
  // As many sums as fit into registers beside what they need.
  constexpr int64_t kVectors = 4;
  Type ptr = b.ptrType(), i64 = b.getI64Type(), f32 = b.getF32Type();
  std::string name = "mixln.weigh_rows." + std::to_string(spec.headDim) +
                     (spec.element == Element::BF16 ? ".bf16" : "");
  return b.privateFunction(
      name, {ptr, ptr, i64, ptr, f32, i64}, [&](ValueRange args) {
        Value inverse = b.broadcast(b.divF(b.constantF32(1), args[4]));
        int64_t width = kVectors * b.lanes();
        for (int64_t first = 0; first < spec.headDim; first += width) {
          int64_t extent = std::min(width, spec.headDim - first);
          int64_t vectors = (extent + b.lanes() - 1) / b.lanes();
          SmallVector<Value> sums(vectors, b.zeroVector());
          sums =
              b.loop(b.constant(0), args[5], 1, sums,
                     [&](Value row, ValueRange carried) {
                       SmallVector<Value> next(carried);
                       Value p = b.broadcast(b.loadF32(b.offset(args[0], row)));
                       Value from =
                           b.offset(args[1], b.mul(row, args[2]), spec.element);
                       forVectors(b, extent, [&](int64_t at, Value mask) {
                         Value value = b.loadVector(
                             b.offset(from, first + at, spec.element), mask,
                             spec.element);
                         Value &sum = next[at / b.lanes()];
                         sum = b.fma(p, value, sum);
                       });
                       return next;
                     });
          forVectors(b, extent, [&](int64_t at, Value mask) {
            b.storeVector(b.mulF(sums[at / b.lanes()], inverse),
                          b.offset(args[3], first + at, spec.element), mask,
                          spec.element);
          });
        }
      });
}

void mixln::emitAttentionStepKernel(KernelBuilder &b, StringRef symbol,
                                    const AttentionSpec &spec) {
  Places places(b.getTarget(), spec);
  int64_t dim = spec.headDim, group = spec.heads / spec.kvHeads;
  Element inner = innerElement(b.getTarget(), spec);
  LLVM::LLVMFuncOp rotate = rotateRows(b, spec, inner);
  LLVM::LLVMFuncOp score = scoreRows(b, spec, inner);
  LLVM::LLVMFuncOp softmax = softmaxRow(b, Element::F32);
  LLVM::LLVMFuncOp weigh = weighRows(b, spec);

  b.kernelFunction(symbol, [&](KernelBuilder::Arguments args) {
    enum { kQ, kK, kV, kCos, kSin, kKeys, kValues, kPosition, kCtx, kOperands };
    SmallVector<Value> pointers;
    for (int64_t i = 0; i < kOperands; ++i)
      pointers.push_back(b.loadPtr(args.pointers, i));
    Value zero = b.constant(0), one = b.constant(1);
    Value ld = b.constant(spec.kvHeads * dim);
    Value at = b.loadI32(pointers[kPosition], zero), count = b.add(at, 1);
    auto place = [&](int64_t at) { return b.offset(args.scratch, at); };
    auto operand = [&](int64_t i, Value at) {
      return b.offset(pointers[i], at, spec.element);
    };

    Value column = b.mul(args.task, dim);
    for (auto [from, to] : {std::pair(kK, kKeys), std::pair(kV, kValues)}) {
      Value source = operand(from, column);
      Value row = operand(to, b.add(b.mul(at, ld), column));
      forVectors(b, dim, [&](int64_t at, Value mask) {
        b.storeVector(b.loadVector(b.offset(source, at, spec.element), mask,
                                   spec.element),
                      b.offset(row, at, spec.element), mask, spec.element);
      });
    }
    b.call(rotate, {operand(kKeys, column), ld, pointers[kCos], pointers[kSin],
                    place(places.keys), count});
    Value tableAt = b.mul(at, dim / 2);
    b.loop(zero, b.constant(group), 1, [&](Value member) {
      Value head = b.mul(b.add(b.mul(args.task, group), member), dim);
      b.call(rotate,
             {operand(kQ, head), zero, b.offset(pointers[kCos], tableAt),
              b.offset(pointers[kSin], tableAt), place(places.query), one});
      b.call(score, {place(places.keys), place(places.query),
                     place(places.scores), count});
      b.call(softmax, {place(places.scores), count, count,
                       b.constantF32(kLog2E * spec.scoreScale()),
                       place(places.maximum), place(places.total)});
      b.call(weigh,
             {place(places.scores), operand(kValues, column), ld,
              operand(kCtx, head), b.loadF32(place(places.total)), count});
    });
  });
}
