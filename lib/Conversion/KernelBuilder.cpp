//===- KernelBuilder.cpp - Writes the code of CPU kernels -----------------===//

#include "mixln/Conversion/KernelBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mixln;

KernelBuilder::KernelBuilder(ModuleOp module, const TargetInfo &target)
    : ImplicitLocOpBuilder(module.getLoc(), module.getContext()),
      module(module), target(target) {
  MLIRContext *context = module.getContext();
  context->loadDialect<arith::ArithDialect, math::MathDialect, scf::SCFDialect,
                       vector::VectorDialect, LLVM::LLVMDialect>();
  setInsertionPointToEnd(module.getBody());
}

Type KernelBuilder::ptrType() {
  return LLVM::LLVMPointerType::get(getContext());
}

VectorType KernelBuilder::vectorType(int64_t width) {
  return VectorType::get({width}, getF32Type());
}

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

Value KernelBuilder::constant(int64_t value) {
  return arith::ConstantOp::create(*this, getI64IntegerAttr(value));
}
Value KernelBuilder::constantF32(double value) {
  return arith::ConstantOp::create(*this, getF32FloatAttr(value));
}
Value KernelBuilder::nullPtr() {
  return LLVM::ZeroOp::create(*this, ptrType());
}
Value KernelBuilder::add(Value a, Value b) {
  return arith::AddIOp::create(*this, a, b, arith::IntegerOverflowFlags::nsw);
}
Value KernelBuilder::add(Value a, int64_t b) { return add(a, constant(b)); }
Value KernelBuilder::sub(Value a, Value b) {
  return arith::SubIOp::create(*this, a, b, arith::IntegerOverflowFlags::nsw);
}
Value KernelBuilder::mul(Value a, Value b) {
  return arith::MulIOp::create(*this, a, b, arith::IntegerOverflowFlags::nsw);
}
Value KernelBuilder::mul(Value a, int64_t b) { return mul(a, constant(b)); }
Value KernelBuilder::divide(Value a, Value b) {
  return arith::DivUIOp::create(*this, a, b);
}
Value KernelBuilder::ceilDivide(Value a, int64_t b) {
  return divide(add(a, b - 1), constant(b));
}
Value KernelBuilder::minimum(Value a, Value b) {
  return arith::MinSIOp::create(*this, a, b);
}
Value KernelBuilder::maximum(Value a, Value b) {
  return arith::MaxSIOp::create(*this, a, b);
}
Value KernelBuilder::less(Value a, Value b) {
  return arith::CmpIOp::create(*this, arith::CmpIPredicate::slt, a, b);
}
Value KernelBuilder::equal(Value a, Value b) {
  return arith::CmpIOp::create(*this, arith::CmpIPredicate::eq, a, b);
}
Value KernelBuilder::isTrue(Value flag) {
  return arith::CmpIOp::create(*this, arith::CmpIPredicate::ne, flag,
                               constant(0));
}
Value KernelBuilder::bitAnd(Value a, Value b) {
  return arith::AndIOp::create(*this, a, b);
}
Value KernelBuilder::select(Value condition, Value a, Value b) {
  return arith::SelectOp::create(*this, condition, a, b);
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

static Type memoryType(KernelBuilder &b, Element element) {
  return element == Element::F32 ? Type(b.getF32Type()) : b.getI16Type();
}

Value KernelBuilder::offset(Value ptr, Value elements, Element of) {
  return LLVM::GEPOp::create(*this, ptrType(), memoryType(*this, of), ptr,
                             ArrayRef<LLVM::GEPArg>{elements});
}
Value KernelBuilder::offset(Value ptr, int64_t elements, Element of) {
  if (elements == 0)
    return ptr;
  return LLVM::GEPOp::create(
      *this, ptrType(), memoryType(*this, of), ptr,
      ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(elements)});
}
Value KernelBuilder::loadPtr(Value ptrs, int64_t index) {
  Value at =
      LLVM::GEPOp::create(*this, ptrType(), ptrType(), ptrs,
                          ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(index)});
  return LLVM::LoadOp::create(*this, ptrType(), at, 8);
}
Value KernelBuilder::loadI64(Value ptr, int64_t index) {
  Value at =
      LLVM::GEPOp::create(*this, ptrType(), getI64Type(), ptr,
                          ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(index)});
  return LLVM::LoadOp::create(*this, getI64Type(), at, 8);
}
Value KernelBuilder::loadI32(Value ptr, Value index) {
  Value at = LLVM::GEPOp::create(*this, ptrType(), getI32Type(), ptr,
                                 ArrayRef<LLVM::GEPArg>{index});
  Value number = LLVM::LoadOp::create(*this, getI32Type(), at, 4);
  return arith::ExtSIOp::create(*this, getI64Type(), number);
}
Value KernelBuilder::loadF32(Value ptr) {
  return LLVM::LoadOp::create(*this, getF32Type(), ptr, 4);
}
void KernelBuilder::storeF32(Value value, Value ptr) {
  LLVM::StoreOp::create(*this, value, ptr, 4);
}
Value KernelBuilder::loadVector(Value ptr, Value mask, Element from) {
  auto type = VectorType::get({lanes()}, memoryType(*this, from));
  auto alignment = static_cast<uint32_t>(elementBytes(from));
  if (!mask)
    return widen(LLVM::LoadOp::create(*this, type, ptr, alignment));
  Value zero = arith::ConstantOp::create(*this, getZeroAttr(type));
  return widen(
      LLVM::MaskedLoadOp::create(*this, type, ptr, mask, zero, alignment));
}
void KernelBuilder::storeVector(Value value, Value ptr, Value mask,
                                Element to) {
  auto alignment = static_cast<uint32_t>(elementBytes(to));
  if (to == Element::BF16)
    value = narrow(value);
  if (mask)
    LLVM::MaskedStoreOp::create(*this, value, ptr, mask, alignment);
  else
    LLVM::StoreOp::create(*this, value, ptr, alignment);
}
void KernelBuilder::prefetch(Value ptr, CacheLevel into) {
  unsigned hint = into == CacheLevel::L1 ? 3 : 2;
  LLVM::Prefetch::create(*this, ptr, /*rw=*/0u, hint, /*cache=*/1u);
}

//===----------------------------------------------------------------------===//
// Vectors
//===----------------------------------------------------------------------===//

Value KernelBuilder::zeroVector() {
  return arith::ConstantOp::create(*this, getZeroAttr(vectorType()));
}
Value KernelBuilder::broadcast(Value scalar) {
  return vector::BroadcastOp::create(*this, vectorType(), scalar);
}
Value KernelBuilder::maskFor(Value count) {
  auto type = VectorType::get({lanes()}, getI32Type());
  SmallVector<int32_t> numbers;
  for (int64_t i = 0; i < lanes(); ++i)
    numbers.push_back(i);
  Value iota = arith::ConstantOp::create(
      *this, DenseElementsAttr::get(type, ArrayRef<int32_t>(numbers)));
  Value bounded = minimum(count, constant(lanes()));
  Value narrow = arith::TruncIOp::create(*this, getI32Type(), bounded);
  Value limits = vector::BroadcastOp::create(*this, type, narrow);
  return arith::CmpIOp::create(*this, arith::CmpIPredicate::slt, iota, limits);
}
Value KernelBuilder::fma(Value a, Value b, Value c) {
  return vector::FMAOp::create(*this, a, b, c);
}
Value KernelBuilder::addF(Value a, Value b) {
  return arith::AddFOp::create(*this, a, b);
}
Value KernelBuilder::subF(Value a, Value b) {
  return arith::SubFOp::create(*this, a, b);
}
Value KernelBuilder::mulF(Value a, Value b) {
  return arith::MulFOp::create(*this, a, b);
}
Value KernelBuilder::divF(Value a, Value b) {
  return arith::DivFOp::create(*this, a, b);
}
Value KernelBuilder::maxF(Value a, Value b) {
  return arith::SelectOp::create(
      *this, arith::CmpFOp::create(*this, arith::CmpFPredicate::OGT, a, b), a,
      b);
}

/// Folds halves of the vector onto each other: a fixed order, and a shuffle a
/// level.
Value KernelBuilder::reduceLanes(Value vector,
                                 function_ref<Value(Value, Value)> combine) {
  int64_t width = cast<VectorType>(vector.getType()).getDimSize(0);
  while (width > 1) {
    width /= 2;
    SmallVector<int64_t> low, high;
    for (int64_t i = 0; i < width; ++i) {
      low.push_back(i);
      high.push_back(width + i);
    }
    vector = combine(vector::ShuffleOp::create(*this, vector, vector, low),
                     vector::ShuffleOp::create(*this, vector, vector, high));
  }
  return vector::ExtractOp::create(*this, vector, 0);
}

Value KernelBuilder::sumLanes(Value vector) {
  return reduceLanes(vector, [&](Value a, Value b) { return addF(a, b); });
}
Value KernelBuilder::maxLanes(Value vector) {
  return reduceLanes(vector, [&](Value a, Value b) { return maxF(a, b); });
}

/// A masked intrinsic of 512 bits, on every lane, in the current rounding mode.
static Value onEveryLane(KernelBuilder &b, StringRef name, Value x, Value y) {
  Value every =
      LLVM::ConstantOp::create(b, b.getI16Type(), b.getI16IntegerAttr(-1));
  constexpr int32_t kCurrentMode = 4;
  Value rounding = LLVM::ConstantOp::create(b, b.getI32Type(),
                                            b.getI32IntegerAttr(kCurrentMode));
  return LLVM::CallIntrinsicOp::create(
             b, b.vectorType(), b.getStringAttr(name),
             ValueRange{x, y, b.zeroVector(), every, rounding})
      .getResult(0);
}

Value KernelBuilder::scale(Value x, Value exponent) {
  return onEveryLane(*this, "llvm.x86.avx512.mask.scalef.ps.512", x, exponent);
}

Value KernelBuilder::fraction(Value x) {
  // Rounds down to whole numbers, without exceptions.
  constexpr int32_t kFloor = 9;
  Value mode =
      LLVM::ConstantOp::create(*this, getI32Type(), getI32IntegerAttr(kFloor));
  return onEveryLane(*this, "llvm.x86.avx512.mask.reduce.ps.512", x, mode);
}

/// Swaps the off-diagonal blocks of size `half` at every level.
void KernelBuilder::transpose(SmallVectorImpl<Value> &rows) {
  int64_t size = rows.size();
  for (int64_t half = size / 2; half >= 1; half /= 2) {
    SmallVector<int64_t> upper, lower;
    for (int64_t lane = 0; lane < size; ++lane) {
      bool right = lane & half;
      upper.push_back(right ? size + lane - half : lane);
      lower.push_back(right ? size + lane : lane + half);
    }
    for (int64_t row = 0; row < size; ++row) {
      if (row & half)
        continue;
      Value a = rows[row], b = rows[row + half];
      rows[row] = vector::ShuffleOp::create(*this, a, b, upper);
      rows[row + half] = vector::ShuffleOp::create(*this, a, b, lower);
    }
  }
}

//===----------------------------------------------------------------------===//
// Control flow
//===----------------------------------------------------------------------===//

void KernelBuilder::loop(Value from, Value to, Value step,
                         function_ref<void(Value)> body) {
  auto op = scf::ForOp::create(*this, from, to, step);
  InsertionGuard guard(*this);
  setInsertionPointToStart(op.getBody());
  body(op.getInductionVar());
}
void KernelBuilder::loop(Value from, Value to, int64_t step,
                         function_ref<void(Value)> body) {
  loop(from, to, constant(step), body);
}
SmallVector<Value>
KernelBuilder::loop(Value from, Value to, int64_t step, ValueRange init,
                    function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  auto op = scf::ForOp::create(*this, from, to, constant(step), init);
  InsertionGuard guard(*this);
  setInsertionPointToStart(op.getBody());
  SmallVector<Value> next = body(op.getInductionVar(), op.getRegionIterArgs());
  if (!init.empty())
    scf::YieldOp::create(*this, next);
  return SmallVector<Value>(op.getResults().begin(), op.getResults().end());
}
void KernelBuilder::ifThen(Value condition, function_ref<void()> then) {
  auto op = scf::IfOp::create(*this, condition, /*withElseRegion=*/false);
  InsertionGuard guard(*this);
  setInsertionPointToStart(op.thenBlock());
  then();
}
void KernelBuilder::ifElse(Value condition, function_ref<void()> then,
                           function_ref<void()> otherwise) {
  auto op = scf::IfOp::create(*this, condition, /*withElseRegion=*/true);
  InsertionGuard guard(*this);
  setInsertionPointToStart(op.thenBlock());
  then();
  setInsertionPointToStart(op.elseBlock());
  otherwise();
}

SmallVector<Value>
KernelBuilder::choose(Value condition, TypeRange types,
                      function_ref<SmallVector<Value>()> then,
                      function_ref<SmallVector<Value>()> otherwise) {
  auto op = scf::IfOp::create(*this, types, condition, /*withElseRegion=*/true);
  InsertionGuard guard(*this);
  for (auto [block, body] : {std::pair(op.thenBlock(), then),
                             std::pair(op.elseBlock(), otherwise)}) {
    setInsertionPointToStart(block);
    scf::YieldOp::create(*this, body());
  }
  return SmallVector<Value>(op.getResults().begin(), op.getResults().end());
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

LLVM::LLVMFuncOp KernelBuilder::function(StringRef name,
                                         ArrayRef<Type> arguments,
                                         function_ref<void(ValueRange)> body) {
  InsertionGuard guard(*this);
  setInsertionPointToEnd(module.getBody());
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(getContext()),
                                          arguments);
  auto func = LLVM::LLVMFuncOp::create(*this, name, type);
  Block *entry = func.addEntryBlock(*this);
  setInsertionPointToStart(entry);
  body(entry->getArguments());
  LLVM::ReturnOp::create(*this, ValueRange());
  return func;
}

LLVM::LLVMFuncOp
KernelBuilder::privateFunction(StringRef name, ArrayRef<Type> arguments,
                               function_ref<void(ValueRange)> body) {
  if (auto known = module.lookupSymbol<LLVM::LLVMFuncOp>(name))
    return known;
  auto func = function(name, arguments, body);
  func.setLinkage(LLVM::Linkage::Internal);
  func.setPassthroughAttr(getStrArrayAttr({"noinline"}));
  return func;
}

void KernelBuilder::call(LLVM::LLVMFuncOp callee, ValueRange arguments) {
  LLVM::CallOp::create(*this, callee, arguments);
}

void KernelBuilder::kernelFunction(StringRef symbol,
                                   function_ref<void(Arguments)> body) {
  Type ptr = ptrType(), i64 = getI64Type();
  function(symbol, {ptr, ptr, ptr, i64, i64, ptr}, [&](ValueRange args) {
    body({args[0], args[1], args[2], args[3], args[4], args[5]});
  });
}

std::pair<Value, Value> KernelBuilder::partition(Value count, Value task,
                                                 Value tasks) {
  return {divide(mul(count, task), tasks),
          divide(mul(count, add(task, 1)), tasks)};
}
