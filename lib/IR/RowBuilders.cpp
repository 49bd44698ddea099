//===- RowBuilders.cpp - Arithmetic on rows -------------------------------===//

#include "mixln/IR/RowBuilders.h"
#include "mixln/IR/Mixln.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mixln;

Value RowBuilder::constant(double value, Type like) {
  Type f32 = builder.getF32Type();
  Type type = like && isa<VectorType>(like)
                  ? Type(cast<VectorType>(like).clone(f32))
                  : f32;
  FloatAttr number = builder.getF32FloatAttr(value);
  TypedAttr attr = number;
  if (auto vector = dyn_cast<VectorType>(type))
    attr = DenseElementsAttr::get(vector, number.getValue());
  return arith::ConstantOp::create(builder, loc, attr);
}

Value RowBuilder::broadcast(Value value, Type type) {
  if (value.getType() == type)
    return value;
  if (isa<VectorType>(type))
    return vector::BroadcastOp::create(builder, loc, type, value);
  return sum(value);
}

void RowBuilder::unify(Value &a, Value &b) {
  bool aIsRow = isa<VectorType>(a.getType());
  bool bIsRow = isa<VectorType>(b.getType());
  auto widen = [&](Value value, Type row) {
    auto type = cast<VectorType>(row).clone(value.getType());
    return vector::BroadcastOp::create(builder, loc, type, value).getResult();
  };
  if (aIsRow && !bIsRow)
    b = widen(b, a.getType());
  else if (bIsRow && !aIsRow)
    a = widen(a, b.getType());
}

Value RowBuilder::add(Value a, Value b) {
  unify(a, b);
  return arith::AddFOp::create(builder, loc, a, b);
}

Value RowBuilder::sub(Value a, Value b) {
  unify(a, b);
  return arith::SubFOp::create(builder, loc, a, b);
}

Value RowBuilder::mul(Value a, Value b) {
  unify(a, b);
  return arith::MulFOp::create(builder, loc, a, b);
}

Value RowBuilder::div(Value a, Value b) {
  unify(a, b);
  return arith::DivFOp::create(builder, loc, a, b);
}

Value RowBuilder::pow(Value a, Value b) {
  unify(a, b);
  return math::PowFOp::create(builder, loc, a, b);
}

Value RowBuilder::max(Value a, Value b) {
  unify(a, b);
  return arith::MaximumFOp::create(builder, loc, a, b);
}

Value RowBuilder::min(Value a, Value b) {
  unify(a, b);
  return arith::MinimumFOp::create(builder, loc, a, b);
}

Value RowBuilder::neg(Value a) {
  return arith::NegFOp::create(builder, loc, a);
}

Value RowBuilder::sqrt(Value a) {
  return math::SqrtOp::create(builder, loc, a);
}

Value RowBuilder::rsqrt(Value a) {
  return math::RsqrtOp::create(builder, loc, a);
}

Value RowBuilder::exp(Value a) { return math::ExpOp::create(builder, loc, a); }

Value RowBuilder::log(Value a) { return math::LogOp::create(builder, loc, a); }

Value RowBuilder::tanh(Value a) {
  return math::TanhOp::create(builder, loc, a);
}

Value RowBuilder::erf(Value a) { return math::ErfOp::create(builder, loc, a); }

Value RowBuilder::abs(Value a) { return math::AbsFOp::create(builder, loc, a); }

Value RowBuilder::sigmoid(Value a) {
  Value one = constant(1.0, a.getType());
  return div(one, add(one, exp(neg(a))));
}

Value RowBuilder::stopGradient(Value a) {
  return StopGradientOp::create(builder, loc, a.getType(), a);
}

Value RowBuilder::sum(Value a) {
  if (!isa<VectorType>(a.getType()))
    return a;
  return vector::ReductionOp::create(builder, loc, vector::CombiningKind::ADD,
                                     a);
}

Value RowBuilder::maxOf(Value a) {
  if (!isa<VectorType>(a.getType()))
    return a;
  return vector::ReductionOp::create(builder, loc,
                                     vector::CombiningKind::MAXIMUMF, a);
}

Value RowBuilder::mean(Value a) {
  auto row = dyn_cast<VectorType>(a.getType());
  if (!row)
    return a;
  return mul(sum(a), constant(1.0 / static_cast<double>(row.getDimSize(0))));
}

Value RowBuilder::select(Value condition, Value a, Value b) {
  unify(a, b);
  // A number chosen by a row of conditions becomes a row.
  if (isa<VectorType>(condition.getType()) && !isa<VectorType>(a.getType())) {
    auto type = cast<VectorType>(condition.getType()).clone(a.getType());
    a = broadcast(a, type);
    b = broadcast(b, type);
  }
  return arith::SelectOp::create(builder, loc, condition, a, b);
}

Value RowBuilder::greater(Value a, Value b) {
  unify(a, b);
  return arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OGT, a, b);
}

Value RowBuilder::isColumn(Value index, int64_t width) {
  auto columns = VectorType::get(width, builder.getIndexType());
  Value step = vector::StepOp::create(builder, loc, columns);
  Value wanted =
      arith::IndexCastOp::create(builder, loc, builder.getIndexType(), index);
  Value row = vector::BroadcastOp::create(builder, loc, columns, wanted);
  return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, step,
                               row);
}
