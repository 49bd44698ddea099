//===- RowMath.cpp - Functions that the target computes well --------------===//

#include "RowEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <numbers>

using namespace mlir;
using namespace mixln;

/// What added to a small number rounds it to a whole one and leaves that in the
/// last bits of the sum.
static constexpr double kRounding = 0x1.8p23;

/// power * 2^n, rounded once, for |n| <= 250 and |power| near 1, where `sum` is
/// n + kRounding.
static Value scaleByPowerOfTwo(KernelBuilder &b, Value power, Value sum) {
  auto integers = VectorType::get({b.lanes()}, b.getI32Type());
  auto number = [&](int32_t value) -> Value {
    return arith::ConstantOp::create(
        b, DenseElementsAttr::get(integers, b.getI32IntegerAttr(value)));
  };
  // One factor alone would reach neither infinity nor what is below the normal
  // range; the first of two halves is exact. kRounding has no bits where the
  // exponents of the halves come from.
  Value bits = vector::BitCastOp::create(b, integers, sum);
  Value half = arith::ShRSIOp::create(b, bits, number(1));
  for (Value part : {half, Value(arith::SubIOp::create(b, bits, half))}) {
    Value factor = arith::AddIOp::create(
        b, arith::ShLIOp::create(b, part, number(23)), number(0x3f800000));
    power = b.mulF(power, vector::BitCastOp::create(b, b.vectorType(), factor));
  }
  return power;
}

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
  bool scales = b.lanes() == 16;
  Value n, sum;
  if (scales) {
    n = math::RoundEvenOp::create(b, b.mulF(x, splat(std::numbers::log2e)));
  } else {
    sum = b.fma(x, splat(std::numbers::log2e), splat(kRounding));
    n = b.subF(sum, splat(kRounding));
  }
  Value r = b.fma(n, splat(-std::numbers::ln2), x);
  Value power = splat(coefficients[5]);
  for (int i = 4; i >= 0; --i)
    power = b.fma(power, r, splat(coefficients[i]));
  return scales ? b.scale(power, n) : scaleByPowerOfTwo(b, power, sum);
}
