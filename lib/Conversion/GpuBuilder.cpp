//===- GpuBuilder.cpp - Writes the code of GPU kernels --------------------===//

#include "mixln/Conversion/GpuBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mixln;

/// Vectors are chunks of a thread's columns, whose length the kernels choose;
/// nothing here asks a CPU's width.
static const TargetInfo &noCpu() {
  static const TargetInfo info;
  return info;
}

GpuBuilder::GpuBuilder(ModuleOp module, const GpuInfo &gpu)
    : KernelBuilder(module, noCpu()), gpu(gpu) {}

Value GpuBuilder::intrinsic(StringRef name, Type result, ValueRange arguments) {
  auto call = result ? LLVM::CallIntrinsicOp::create(
                           *this, result, getStringAttr(name), arguments)
                     : LLVM::CallIntrinsicOp::create(*this, getStringAttr(name),
                                                     arguments);
  return result ? call.getResult(0) : Value();
}

//===----------------------------------------------------------------------===//
// Threads
//===----------------------------------------------------------------------===//

Value GpuBuilder::threadId() {
  Value id = intrinsic("llvm.nvvm.read.ptx.sreg.tid.x", getI32Type(), {});
  return arith::ExtUIOp::create(*this, getI64Type(), id);
}

Value GpuBuilder::blockId() {
  Value id = intrinsic("llvm.nvvm.read.ptx.sreg.ctaid.x", getI32Type(), {});
  return arith::ExtUIOp::create(*this, getI64Type(), id);
}

static Value constantI32(GpuBuilder &b, int32_t value) {
  return arith::ConstantOp::create(b, b.getI32IntegerAttr(value));
}

void GpuBuilder::barrier() {
  intrinsic("llvm.nvvm.barrier.cta.sync.aligned.all", Type(),
            {constantI32(*this, 0)});
}

Value GpuBuilder::shuffleXor(Value number, int64_t mask) {
  return intrinsic("llvm.nvvm.shfl.sync.bfly.f32", getF32Type(),
                   {constantI32(*this, -1), number,
                    constantI32(*this, static_cast<int32_t>(mask)),
                    constantI32(*this, 31)});
}

Value GpuBuilder::combineWarp(Value number, int64_t threads,
                              function_ref<Value(Value, Value)> combine) {
  for (int64_t mask = threads / 2; mask >= 1; mask /= 2)
    number = combine(number, shuffleXor(number, mask));
  return number;
}

Value GpuBuilder::shared(int64_t bytes) {
  StringRef name = "mixln_shared";
  auto space = LLVM::LLVMPointerType::get(getContext(), 3);
  if (!getModule().lookupSymbol(name)) {
    InsertionGuard guard(*this);
    setInsertionPointToStart(getModule().getBody());
    LLVM::GlobalOp::create(*this, LLVM::LLVMArrayType::get(getI8Type(), 0),
                           /*isConstant=*/false, LLVM::Linkage::External, name,
                           Attribute(), /*alignment=*/128, /*addrSpace=*/3);
  }
  Value base = LLVM::AddressOfOp::create(*this, space, name);
  base = LLVM::AddrSpaceCastOp::create(*this, ptrType(), base);
  if (bytes == 0)
    return base;
  return LLVM::GEPOp::create(
      *this, ptrType(), getI8Type(), base,
      ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(bytes)});
}

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

Value GpuBuilder::remainder(Value a, int64_t b) {
  return arith::RemUIOp::create(*this, a, constant(b));
}

Value GpuBuilder::divide(Value a, int64_t b) { return divide(a, constant(b)); }

Value GpuBuilder::both(Value a, Value b) {
  if (!a || !b)
    return a ? a : b;
  return arith::AndIOp::create(*this, a, b);
}

void GpuBuilder::ifThenAll(Value condition, function_ref<void()> then) {
  if (condition)
    ifThen(condition, then);
  else
    then();
}

static Type typeInMemory(int64_t count, Type element) {
  return count == 1 ? element : Type(VectorType::get({count}, element));
}

Value GpuBuilder::loadNumbers(Value ptr, int64_t count, Type element) {
  int64_t bytes = element.getIntOrFloatBitWidth() / 8;
  Type f32 = getF32Type();
  // Longer loads than the hardware's do not exist.
  int64_t part = std::min(count, 16 / bytes);
  Value all;
  for (int64_t first = 0; first < count; first += part) {
    Value at = first == 0
                   ? ptr
                   : LLVM::GEPOp::create(
                         *this, ptrType(), element, ptr,
                         ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(first)});
    Value value = LLVM::LoadOp::create(*this, typeInMemory(part, element), at,
                                       part * bytes);
    if (!element.isF32())
      value = arith::ExtFOp::create(*this, typeInMemory(part, f32), value);
    if (part == count)
      return value;
    auto type = VectorType::get({count}, f32);
    if (!all)
      all = LLVM::PoisonOp::create(*this, type);
    for (int64_t i = 0; i < part; ++i) {
      Value index = constant(i), to = constant(first + i);
      all = LLVM::InsertElementOp::create(
          *this, all, LLVM::ExtractElementOp::create(*this, value, index), to);
    }
  }
  return all;
}

void GpuBuilder::storeNumbers(Value numbers, Value ptr, Type element) {
  auto vector = dyn_cast<VectorType>(numbers.getType());
  int64_t count = vector ? vector.getDimSize(0) : 1;
  if (!element.isF32())
    numbers =
        arith::TruncFOp::create(*this, typeInMemory(count, element), numbers);
  int64_t bytes = element.getIntOrFloatBitWidth() / 8;
  int64_t part = std::min(count, 16 / bytes);
  if (part == count) {
    LLVM::StoreOp::create(*this, numbers, ptr, part * bytes);
    return;
  }
  for (int64_t first = 0; first < count; first += part) {
    auto type = VectorType::get({part}, element);
    Value value = LLVM::PoisonOp::create(*this, type);
    for (int64_t i = 0; i < part; ++i) {
      Value from = constant(first + i), to = constant(i);
      value = LLVM::InsertElementOp::create(
          *this, value, LLVM::ExtractElementOp::create(*this, numbers, from),
          to);
    }
    Value at = LLVM::GEPOp::create(
        *this, ptrType(), element, ptr,
        ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(first)});
    LLVM::StoreOp::create(*this, value, at, part * bytes);
  }
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

void GpuBuilder::gpuFunction(StringRef symbol, const GpuSignature &signature,
                             function_ref<void(Parameters)> body) {
  InsertionGuard guard(*this);
  setInsertionPointToEnd(getModule().getBody());
  size_t pointers = signature.readOnly.size();
  SmallVector<Type> types(pointers, ptrType());
  types.append(signature.sizes, getI64Type());
  types.append(signature.values, getF32Type());
  auto type =
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(getContext()), types);
  auto func = LLVM::LLVMFuncOp::create(*this, symbol, type);
  func.setCConv(LLVM::CConv::PTX_Kernel);
  // One block a multiprocessor suffices: without that, the assembler saves
  // registers for a second one, and spills.
  func.setPassthroughAttr(getArrayAttr(
      {getStrArrayAttr({"nvvm.minctasm", "1"}),
       getStrArrayAttr({"nvvm.maxntid", std::to_string(signature.threads)})}));
  for (auto [i, readOnly] : llvm::enumerate(signature.readOnly)) {
    func.setArgAttr(i, LLVM::LLVMDialect::getAlignAttrName(),
                    getI64IntegerAttr(64));
    if (!readOnly)
      continue;
    func.setArgAttr(i, LLVM::LLVMDialect::getNoAliasAttrName(), getUnitAttr());
    func.setArgAttr(i, LLVM::LLVMDialect::getReadonlyAttrName(), getUnitAttr());
  }
  Block *entry = func.addEntryBlock(*this);
  setInsertionPointToStart(entry);
  ValueRange args = entry->getArguments();
  body({args.take_front(pointers), args.slice(pointers, signature.sizes),
        args.take_back(signature.values)});
  LLVM::ReturnOp::create(*this, ValueRange());
}
