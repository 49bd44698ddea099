//===- RowMath.cpp - Functions that the target computes well --------------===//

#include "RowEmitter.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mixln;

/// exp(x) = 2^n * exp(r) with n = round(x / ln 2), |r| <= ln(2) / 2.
///
/// Relative error 2e-7. The scaling knows infinities: with n infinite, r is
/// not a number, but the result is 0 or infinity; a NaN stays one; numbers
/// below the normal range come out rounded, not flushed.
Value RowEmitter::emitExp(Value x) {
  // Minimax of the relative error with the first two exact: exp(0) = 1.
  const double coefficients[] = {
      1, 1, 0.4999922812, 0.1666711569, 0.04189056903, 0.008312487975};
  auto splat = [&](double value) { return b.broadcast(b.constantF32(value)); };
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
