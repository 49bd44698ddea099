//===- RowMath.cpp - Functions that the target computes well --------------===//

#include "RowEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mixln;

/// exp(x) = 2^n * exp(r) with n = round(x / ln 2), |r| <= ln(2) / 2.
///
/// Relative error 2e-7. Arguments beyond +-150 give infinity and 0 as 150 does;
/// the comparisons are written so that a NaN stays one. Results below the
/// normal range are rounded, not flushed.
Value RowEmitter::emitExp(Value x) {
  // Minimax of the relative error with the first two exact: exp(0) = 1.
  const double coefficients[] = {
      1, 1, 0.4999922812, 0.1666711569, 0.04189056903, 0.008312487975};
  auto splat = [&](double value) { return b.broadcast(b.constantF32(value)); };
  auto clamp = [&](arith::CmpFPredicate beyond, double limit) {
    Value far = arith::CmpFOp::create(b, beyond, x, splat(limit));
    x = b.select(far, splat(limit), x);
  };
  clamp(arith::CmpFPredicate::OLT, -150);
  clamp(arith::CmpFPredicate::OGT, 150);
  Value n = math::RoundEvenOp::create(b, b.mulF(x, splat(1.4426950408889634)));
  Value r = b.fma(n, splat(-0.6931471805599453), x);
  Value power = splat(coefficients[5]);
  for (int i = 4; i >= 0; --i)
    power = b.fma(power, r, splat(coefficients[i]));
  Value every =
      LLVM::ConstantOp::create(b, b.getI16Type(), b.getI16IntegerAttr(-1));
  // 4 = the current rounding mode.
  Value rounding =
      LLVM::ConstantOp::create(b, b.getI32Type(), b.getI32IntegerAttr(4));
  return LLVM::CallIntrinsicOp::create(
             b, b.vectorType(),
             b.getStringAttr("llvm.x86.avx512.mask.scalef.ps.512"),
             ValueRange{power, n, b.zeroVector(), every, rounding})
      .getResult(0);
}

//===----------------------------------------------------------------------===//
// bf16
//===----------------------------------------------------------------------===//
//
// bf16 values are i16 in the kernel: where the CPU has no bf16, LLVM moves them
// about through f32 and calls a function of compiler-rt to get back.

static Type withElement(Value value, Type element) {
  if (auto vector = dyn_cast<VectorType>(value.getType()))
    return vector.clone(element);
  return element;
}

static Value splatInteger(KernelBuilder &b, Type type, int32_t value) {
  TypedAttr attr = b.getI32IntegerAttr(value);
  if (auto vector = dyn_cast<VectorType>(type))
    attr = DenseElementsAttr::get(vector, value);
  return arith::ConstantOp::create(b, attr);
}

Value RowEmitter::widen(Value value) {
  if (!getElementTypeOrSelf(value.getType()).isInteger(16))
    return value;
  Type i32 = withElement(value, b.getI32Type());
  Value bits = arith::ExtUIOp::create(b, i32, value);
  Value high = arith::ShLIOp::create(b, bits, splatInteger(b, i32, 16));
  return arith::BitcastOp::create(b, withElement(value, b.getF32Type()), high);
}

/// Rounds to the nearest number, ties to even.
Value RowEmitter::narrow(Value value, Type element) {
  if (!element.isBF16())
    return value;
  Type i16 = withElement(value, b.getI16Type());
  if (b.getTarget().hasBF16)
    return arith::BitcastOp::create(
        b, i16, arith::TruncFOp::create(b, withElement(value, element), value));
  Type i32 = withElement(value, b.getI32Type());
  auto number = [&](int32_t bits) { return splatInteger(b, i32, bits); };
  Value bits = arith::BitcastOp::create(b, i32, value);
  Value high = arith::ShRUIOp::create(b, bits, number(16));
  Value odd = arith::AndIOp::create(b, high, number(1));
  Value half = arith::AddIOp::create(b, odd, number(0x7fff));
  Value sum = arith::AddIOp::create(b, bits, half);
  Value rounded = arith::ShRUIOp::create(b, sum, number(16));
  // Rounding may carry a NaN into an infinity; it is made quiet instead.
  Value quiet = arith::OrIOp::create(b, high, number(0x40));
  Value isNaN =
      arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, value, value);
  Value chosen = arith::SelectOp::create(b, isNaN, quiet, rounded);
  return arith::TruncIOp::create(b, i16, chosen);
}
