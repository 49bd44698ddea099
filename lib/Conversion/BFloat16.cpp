//===- BFloat16.cpp - Numbers of 16 bits in kernels -----------------------===//
//
// bf16 values are i16 in a kernel: where the CPU has no bf16, LLVM moves them
// about through f32 and calls a function of compiler-rt to get back.
//
// A product of words is one instruction where the CPU has it. Elsewhere a word
// w splits into the f32 numbers w << 16 and w & 0xffff0000, and the product
// into two.
//
//===----------------------------------------------------------------------===//

#include "mixln/Conversion/KernelBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mixln;

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

Value KernelBuilder::widen(Value value) {
  if (!getElementTypeOrSelf(value.getType()).isInteger(16))
    return value;
  Type i32 = withElement(value, getI32Type());
  Value bits = arith::ExtUIOp::create(*this, i32, value);
  Value high = arith::ShLIOp::create(*this, bits, splatInteger(*this, i32, 16));
  return arith::BitcastOp::create(*this, withElement(value, getF32Type()),
                                  high);
}

Value KernelBuilder::narrow(Value value) {
  Type i16 = withElement(value, getI16Type());
  if (target.hasBF16)
    return arith::BitcastOp::create(
        *this, i16,
        arith::TruncFOp::create(*this, withElement(value, getBF16Type()),
                                value));
  Type i32 = withElement(value, getI32Type());
  auto number = [&](int32_t bits) { return splatInteger(*this, i32, bits); };
  Value bits = arith::BitcastOp::create(*this, i32, value);
  Value high = arith::ShRUIOp::create(*this, bits, number(16));
  Value odd = arith::AndIOp::create(*this, high, number(1));
  Value half = arith::AddIOp::create(*this, odd, number(0x7fff));
  Value sum = arith::AddIOp::create(*this, bits, half);
  Value rounded = arith::ShRUIOp::create(*this, sum, number(16));
  // Rounding may carry a NaN into an infinity; it is made quiet instead.
  Value quiet = arith::OrIOp::create(*this, high, number(0x40));
  Value isNaN =
      arith::CmpFOp::create(*this, arith::CmpFPredicate::UNO, value, value);
  Value chosen = arith::SelectOp::create(*this, isNaN, quiet, rounded);
  return arith::TruncIOp::create(*this, i16, chosen);
}

Value KernelBuilder::loadBits(Value ptr, Value mask, Element from) {
  if (from == Element::F32)
    return narrow(loadVector(ptr, mask));
  auto type = VectorType::get({lanes()}, getI16Type());
  if (!mask)
    return LLVM::LoadOp::create(*this, type, ptr, 2);
  Value zero = arith::ConstantOp::create(*this, getZeroAttr(type));
  return LLVM::MaskedLoadOp::create(*this, type, ptr, mask, zero,
                                    static_cast<uint32_t>(2));
}

void KernelBuilder::storeBits(Value bits, Value ptr) {
  LLVM::StoreOp::create(*this, bits, ptr, 2);
}

Value KernelBuilder::interleave(Value low, Value high) {
  SmallVector<int64_t> order;
  for (int64_t i = 0; i < lanes(); ++i)
    order.append({i, lanes() + i});
  Value bits = vector::ShuffleOp::create(*this, low, high, order);
  return vector::BitCastOp::create(*this, vectorType(), bits);
}

Value KernelBuilder::concatenate(Value lower, Value upper) {
  auto order = llvm::to_vector(llvm::seq<int64_t>(0, 2 * lanes()));
  Value bits = vector::ShuffleOp::create(*this, lower, upper, order);
  return vector::BitCastOp::create(*this, vectorType(), bits);
}

Value KernelBuilder::loadWord(Value ptr) {
  return LLVM::LoadOp::create(*this, getF32Type(), ptr, 2);
}
Value KernelBuilder::loadHalfWord(Value ptr) {
  Value bits = LLVM::LoadOp::create(*this, getI16Type(), ptr, 2);
  Value word = arith::ExtUIOp::create(*this, getI32Type(), bits);
  return arith::BitcastOp::create(*this, getF32Type(), word);
}

int64_t KernelBuilder::productParts(Element element) {
  return element == Element::BF16 && !target.hasBF16 ? 2 : 1;
}

Value KernelBuilder::productPart(Element element, Value words, int64_t part) {
  if (productParts(element) == 1)
    return words;
  auto i32 = VectorType::get({lanes()}, getI32Type());
  Value bits = arith::BitcastOp::create(*this, i32, words);
  Value number =
      part == 0
          ? arith::ShLIOp::create(*this, bits, splatInteger(*this, i32, 16))
                .getResult()
          : arith::AndIOp::create(*this, bits,
                                  splatInteger(*this, i32, -65536));
  return arith::BitcastOp::create(*this, vectorType(), number);
}

Value KernelBuilder::multiplyAdd(Element element, Value a, Value b, Value sum) {
  if (element == Element::F32 || !target.hasBF16)
    return fma(a, b, sum);
  auto pairs = VectorType::get({2 * lanes()}, getBF16Type());
  return LLVM::CallIntrinsicOp::create(
             *this, vectorType(),
             getStringAttr("llvm.x86.avx512bf16.dpbf16ps.512"),
             ValueRange{sum, vector::BitCastOp::create(*this, pairs, a),
                        vector::BitCastOp::create(*this, pairs, b)})
      .getResult(0);
}
