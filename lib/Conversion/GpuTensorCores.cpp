//===- GpuTensorCores.cpp - Instructions of tensor cores ------------------===//

#include "mixln/Conversion/GpuBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mixln;

static Value constantI32(GpuBuilder &b, int32_t value) {
  return arith::ConstantOp::create(b, b.getI32IntegerAttr(value));
}

/// Address spaces of LLVM's NVPTX: global memory, shared memory.
static constexpr unsigned kGlobal = 1, kShared = 3;

static Value inSpace(GpuBuilder &b, Value address, unsigned space) {
  return LLVM::AddrSpaceCastOp::create(
      b, LLVM::LLVMPointerType::get(b.getContext(), space), address);
}

static SmallVector<Value> fourOf(GpuBuilder &b, StringRef name, Type element,
                                 ValueRange arguments) {
  auto type = LLVM::LLVMStructType::getLiteral(b.getContext(),
                                               SmallVector<Type>(4, element));
  Value all = b.intrinsic(name, type, arguments);
  SmallVector<Value> parts;
  for (int64_t i = 0; i < 4; ++i)
    parts.push_back(LLVM::ExtractValueOp::create(b, all, i));
  return parts;
}

void GpuBuilder::warpBarrier() {
  intrinsic("llvm.nvvm.bar.warp.sync", Type(), {constantI32(*this, -1)});
}

SmallVector<Value> GpuBuilder::loadMatrices(Value address, bool transposed) {
  StringRef name = transposed
                       ? "llvm.nvvm.ldmatrix.sync.aligned.m8n8.x4.trans.b16.p3"
                       : "llvm.nvvm.ldmatrix.sync.aligned.m8n8.x4.b16.p3";
  return fourOf(*this, name, getI32Type(), {inSpace(*this, address, kShared)});
}

SmallVector<Value> GpuBuilder::multiplyTile(ValueRange a, ValueRange b,
                                            ValueRange sums) {
  SmallVector<Value> arguments(a);
  llvm::append_range(arguments, b);
  llvm::append_range(arguments, sums);
  return fourOf(*this, "llvm.nvvm.mma.m16n8k16.row.col.bf16", getF32Type(),
                arguments);
}

Value GpuBuilder::word(Value low, Value high) {
  auto pair = VectorType::get({2}, getBF16Type());
  Value both = intrinsic("llvm.nvvm.ff2bf16x2.rn", pair, {high, low});
  return LLVM::BitcastOp::create(*this, getI32Type(), both);
}

void GpuBuilder::copyLater(Value to, Value from, Value bytes) {
  SmallVector<Value> arguments = {inSpace(*this, to, kShared),
                                  inSpace(*this, from, kGlobal)};
  if (bytes)
    arguments.push_back(bytes);
  intrinsic(bytes ? "llvm.nvvm.cp.async.cg.shared.global.16.s"
                  : "llvm.nvvm.cp.async.cg.shared.global.16",
            Type(), arguments);
}

void GpuBuilder::closeCopies() {
  intrinsic("llvm.nvvm.cp.async.commit.group", Type(), {});
}

void GpuBuilder::waitForCopies(int64_t open) {
  intrinsic("llvm.nvvm.cp.async.wait.group", Type(),
            {constantI32(*this, static_cast<int32_t>(open))});
}

Value GpuBuilder::fastExp2(Value x) {
  return intrinsic("llvm.nvvm.ex2.approx.ftz.f32", getF32Type(), {x});
}

Value GpuBuilder::fastLog2(Value x) {
  return intrinsic("llvm.nvvm.lg2.approx.ftz.f", getF32Type(), {x});
}

Value GpuBuilder::fmaF(Value a, Value b, Value sum) {
  return math::FmaOp::create(*this, a, b, sum);
}

Value GpuBuilder::maxNumber(Value a, Value b) {
  return arith::MaxNumFOp::create(*this, a, b);
}
