//===- Scores.cpp - Softmax of scores and its gradient --------------------===//
//
// Scores are q . k; their factor c = scale * log2(e) is applied here, so that
// P = exp2(c S - ...) costs one fma. P and dS that are multiplied as bf16 are
// stored so: the row over itself, two rows side by side as words.
//
//===----------------------------------------------------------------------===//

#include "Heads.h"

#include <limits>

using namespace mlir;
using namespace mixln;
using namespace mixln::attention;

LLVM::LLVMFuncOp attention::softmaxRow(KernelBuilder &b, Element to,
                                       bool measured) {
  Type ptr = b.ptrType(), i64 = b.getI64Type(), f32 = b.getF32Type();
  std::string name = "mixln.softmax";
  if (to == Element::BF16)
    name += ".bf16";
  SmallVector<Type> types = {ptr, i64, i64, f32, ptr, ptr};
  if (measured) {
    name += ".measured";
    types.push_back(ptr);
  }
  return b.privateFunction(name, types, [&](ValueRange args) {
    Value scores = args[0], valid = args[1], end = args[2];
    int64_t lanes = b.lanes();
    Value zero = b.constant(0), width = b.constant(lanes);
    Value whole = b.mul(b.divide(valid, width), lanes);
    Value least =
        b.broadcast(b.constantF32(-std::numeric_limits<float>::infinity()));

    Value maxima =
        b.loop(zero, whole, lanes, {least}, [&](Value at, ValueRange carried) {
          Value x = b.loadVector(b.offset(scores, at));
          return SmallVector<Value>{b.maxF(x, carried[0])};
        })[0];
    Value mask = b.maskFor(b.sub(valid, whole));
    Value last = b.loadVector(b.offset(scores, whole), mask);
    maxima = b.maxF(b.select(mask, last, least), maxima);
    Value max = b.mulF(b.maxLanes(maxima), args[3]);
    b.storeF32(max, args[4]);
    Value shift = b.broadcast(b.subF(b.constantF32(0), max));
    Value factor = b.broadcast(args[3]);

    // A narrow row ends up below what is still to be read.
    auto chunk = [&](Value at, bool masked, ValueRange carried) {
      Value mask = masked ? b.maskFor(b.sub(valid, at)) : Value();
      Value x = b.loadVector(b.offset(scores, at), mask);
      Value logarithm = b.fma(x, factor, shift);
      Value p = exp2(b, logarithm);
      if (masked) {
        p = b.select(mask, p, b.zeroVector());
        logarithm = b.select(mask, logarithm, b.zeroVector());
      }
      b.storeVector(p, b.offset(scores, at, to), Value(), to);
      SmallVector<Value> sums = {b.addF(p, carried[0])};
      if (measured)
        sums.push_back(b.fma(p, logarithm, carried[1]));
      return sums;
    };
    SmallVector<Value> sums(measured ? 2 : 1, b.zeroVector());
    sums = b.loop(zero, whole, lanes, sums, [&](Value at, ValueRange carried) {
      return chunk(at, false, carried);
    });
    sums = b.loop(whole, end, lanes, sums, [&](Value at, ValueRange carried) {
      return chunk(at, true, carried);
    });
    for (auto [sum, to] : llvm::zip(sums, args.drop_front(5)))
      b.storeF32(b.sumLanes(sum), to);
  });
}

/// P and dS of `lanes` scores.
static std::pair<Value, Value> gradOf(KernelBuilder &b, Value scores,
                                      Value grads, Value mask, Value factor,
                                      Value shift, Value mean) {
  Value x = b.loadVector(scores, mask);
  Value p = exp2(b, b.fma(x, factor, shift));
  Value ds = b.mulF(p, b.subF(b.loadVector(grads, mask), mean));
  if (mask) {
    p = b.select(mask, p, b.zeroVector());
    ds = b.select(mask, ds, b.zeroVector());
  }
  return {p, ds};
}

LLVM::LLVMFuncOp attention::gradRow(KernelBuilder &b) {
  Type ptr = b.ptrType(), i64 = b.getI64Type(), f32 = b.getF32Type();
  return b.privateFunction(
      "mixln.softmax.grad", {ptr, ptr, i64, i64, f32, f32, f32},
      [&](ValueRange args) {
        Value valid = args[2], end = args[3];
        int64_t lanes = b.lanes();
        Value whole = b.mul(b.divide(valid, b.constant(lanes)), lanes);
        Value factor = b.broadcast(args[4]), shift = b.broadcast(args[5]);
        Value mean = b.broadcast(args[6]);
        auto body = [&](Value at, bool masked) {
          Value scores = b.offset(args[0], at), grads = b.offset(args[1], at);
          Value mask = masked ? b.maskFor(b.sub(valid, at)) : Value();
          auto [p, ds] = gradOf(b, scores, grads, mask, factor, shift, mean);
          b.storeVector(p, scores);
          b.storeVector(ds, grads);
        };
        b.loop(b.constant(0), whole, lanes, [&](Value at) { body(at, false); });
        b.loop(whole, end, lanes, [&](Value at) { body(at, true); });
      });
}

LLVM::LLVMFuncOp attention::gradRowPair(KernelBuilder &b) {
  Type ptr = b.ptrType(), i64 = b.getI64Type(), f32 = b.getF32Type();
  return b.privateFunction(
      "mixln.softmax.grad.pair",
      {ptr, ptr, i64, ptr, ptr, i64, i64, i64, f32, f32, f32, f32, f32},
      [&](ValueRange args) {
        Value stride = args[2], pWords = args[3], dsWords = args[4];
        Value valid[] = {args[5], args[6]}, end = args[7];
        Value factor = b.broadcast(args[8]);
        Value shift[] = {b.broadcast(args[9]), b.broadcast(args[11])};
        Value mean[] = {b.broadcast(args[10]), b.broadcast(args[12])};
        int64_t lanes = b.lanes();
        Value both = b.minimum(valid[0], valid[1]);
        Value whole = b.mul(b.divide(both, b.constant(lanes)), lanes);
        auto body = [&](Value at, bool masked) {
          Value p[2], ds[2];
          for (int64_t row : {0, 1}) {
            Value rowAt = b.mul(stride, row);
            Value scores = b.offset(args[0], rowAt);
            Value grads = b.offset(args[1], rowAt);
            Value mask = masked ? b.maskFor(b.sub(valid[row], at)) : Value();
            auto [pRow, dsRow] =
                gradOf(b, b.offset(scores, at), b.offset(grads, at), mask,
                       factor, shift[row], mean[row]);
            p[row] = b.narrow(pRow);
            ds[row] = b.narrow(dsRow);
            b.storeBits(ds[row], b.offset(grads, at, Element::BF16));
          }
          b.storeVector(b.interleave(p[0], p[1]), b.offset(pWords, at));
          b.storeVector(b.interleave(ds[0], ds[1]), b.offset(dsWords, at));
        };
        b.loop(b.constant(0), whole, lanes, [&](Value at) { body(at, false); });
        b.loop(whole, end, lanes, [&](Value at) { body(at, true); });
      });
}
