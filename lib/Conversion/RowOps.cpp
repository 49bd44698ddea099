//===- RowOps.cpp - What both kernels of row programs need ----------------===//

#include "RowOps.h"
#include "mixln/IR/PaddedRows.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace mixln;

double mixln::neutralElement(vector::CombiningKind kind) {
  switch (kind) {
  case vector::CombiningKind::MAXIMUMF:
  case vector::CombiningKind::MAXNUMF:
    return -std::numeric_limits<double>::infinity();
  case vector::CombiningKind::MINIMUMF:
  case vector::CombiningKind::MINNUMF:
    return std::numeric_limits<double>::infinity();
  case vector::CombiningKind::MUL:
    return 1;
  default:
    return 0;
  }
}

arith::FastMathFlagsAttr mixln::flagsOf(vector::CombiningKind kind,
                                        MLIRContext *context) {
  bool isSum =
      kind == vector::CombiningKind::ADD || kind == vector::CombiningKind::MUL;
  return arith::FastMathFlagsAttr::get(
      context, isSum ? arith::FastMathFlags::none : arith::FastMathFlags::nsz);
}

Value mixln::emitRowConstant(KernelBuilder &b, arith::ConstantOp op,
                             Type type) {
  Attribute value = op.getValue();
  if (auto dense = dyn_cast<DenseElementsAttr>(value))
    value = dense.getSplatValue<Attribute>();
  if (auto integer = dyn_cast<IntegerAttr>(value)) {
    Type element = getElementTypeOrSelf(type);
    value = IntegerAttr::get(element, integer.getValue().sextOrTrunc(
                                          element.getIntOrFloatBitWidth()));
  }
  if (auto vector = dyn_cast<VectorType>(type))
    value = DenseElementsAttr::get(vector, value);
  return arith::ConstantOp::create(b, cast<TypedAttr>(value));
}

Value mixln::emitIndexCast(KernelBuilder &b, Value source, Type type) {
  unsigned from =
      getElementTypeOrSelf(source.getType()).getIntOrFloatBitWidth();
  unsigned to = getElementTypeOrSelf(type).getIntOrFloatBitWidth();
  if (from < to)
    return arith::ExtSIOp::create(b, type, source);
  return from > to ? arith::TruncIOp::create(b, type, source).getResult()
                   : source;
}

Value mixln::emitRowClone(KernelBuilder &b, Operation *inner, Type type,
                          function_ref<Value(Value)> lookup) {
  IRMapping mapping;
  for (Value operand : inner->getOperands())
    mapping.map(operand, lookup(operand));
  Operation *clone = inner->clone(mapping);
  clone->getResult(0).setType(type);
  if (auto fast = dyn_cast<arith::ArithFastMathInterface>(clone)) {
    auto kind = isa<arith::MaximumFOp, arith::MinimumFOp>(clone)
                    ? vector::CombiningKind::MAXIMUMF
                    : vector::CombiningKind::ADD;
    clone->setAttr(fast.getFastMathAttrName(), flagsOf(kind, b.getContext()));
  }
  b.insert(clone);
  return clone->getResult(0);
}

Value mixln::emitMapIndex(KernelBuilder &b, AffineExpr expr, ValueRange point) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return point[dim.getPosition()];
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return b.constant(constant.getValue());
  auto binary = cast<AffineBinaryOpExpr>(expr);
  Value lhs = emitMapIndex(b, binary.getLHS(), point);
  Value rhs = emitMapIndex(b, binary.getRHS(), point);
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return b.add(lhs, rhs);
  case AffineExprKind::Mul:
    return b.mul(lhs, rhs);
  case AffineExprKind::Mod:
    return arith::RemUIOp::create(b, lhs, rhs);
  case AffineExprKind::FloorDiv:
    return b.divide(lhs, rhs);
  default:
    return arith::CeilDivUIOp::create(b, lhs, rhs);
  }
}

Value mixln::emitLinearIndex(KernelBuilder &b, RankedTensorType type,
                             ArrayRef<Value> indices) {
  Value linear;
  for (auto [i, index] : llvm::enumerate(indices)) {
    int64_t stride = 1;
    auto inner = type.getShape().drop_front(i + 1);
    if (!inner.empty()) {
      stride = getRowStride(type);
      for (int64_t extent : inner.drop_back())
        stride *= extent;
    }
    Value term = b.mul(index, stride);
    linear = linear ? b.add(linear, term) : term;
  }
  return linear;
}
