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
