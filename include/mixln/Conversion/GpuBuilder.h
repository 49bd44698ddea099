//===- GpuBuilder.h - Writes the code of GPU kernels ------------*- C++ -*-===//
//
// The builder of scalar and vector code (KernelBuilder.h) with what a GPU adds:
// threads, shuffles, shared memory, functions that are launched.
//
// Kernels use these NVVM intrinsics and no others, and no inline assembly:
//
//   llvm.nvvm.read.ptx.sreg.tid.x, .ctaid.x, .nctaid.x
//   llvm.nvvm.barrier.cta.sync.aligned.all (0)
//   llvm.nvvm.shfl.sync.bfly.f32
//   llvm.nvvm.bar.warp.sync
//   llvm.nvvm.ldmatrix.sync.aligned.m8n8.x4[.trans].b16
//   llvm.nvvm.mma.m16n8k16.row.col.bf16
//   llvm.nvvm.cp.async.cg.shared.global.16[.s], .commit.group, .wait.group
//   llvm.nvvm.ff2bf16x2.rn, ex2.approx.ftz.f32, lg2.approx.ftz.f
//
// Beside them: llvm.fma, llvm.sqrt, llvm.fabs, llvm.copysign, llvm.maximum,
// llvm.minimum, llvm.roundeven, in inverses of f32 division with `afn`, and in
// kernels that read or write bf16
// llvm.exp2, llvm.tanh, division and square root with `afn`: the
// approximate instructions.
//
// bf16 in memory is `bfloat`: conversions are single instructions.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_CONVERSION_GPUBUILDER_H
#define MIXLN_CONVERSION_GPUBUILDER_H

#include "mixln/Conversion/KernelBuilder.h"
#include "mixln/Support/GpuInfo.h"

namespace mixln {

/// The parameters of a phase of a kernel, in their order.
struct GpuSignature {
  /// One per pointer: whether nothing writes its memory while the kernel runs.
  llvm::SmallVector<bool> readOnly;
  int64_t sizes = 0;
  int64_t values = 0;
  /// Threads of a block.
  int64_t threads = 128;
};

class GpuBuilder : public KernelBuilder {
public:
  GpuBuilder(mlir::ModuleOp module, const GpuInfo &gpu);

  const GpuInfo &getGpu() const { return gpu; }

  struct Parameters {
    ValueRange pointers, sizes, values;
  };
  void gpuFunction(llvm::StringRef symbol, const GpuSignature &signature,
                   llvm::function_ref<void(Parameters)> body);

  /// Numbers as i64.
  Value threadId();
  Value blockId();
  void barrier();
  /// The same number of the thread whose number in the warp differs by `mask`.
  Value shuffleXor(Value number, int64_t mask);
  /// Combines a number over teams of `threads` (a power of two up to 32)
  /// neighbours; all get the result.
  Value combineWarp(Value number, int64_t threads,
                    llvm::function_ref<Value(Value, Value)> combine);
  /// `bytes` into the dynamic shared memory of the block, 16-byte aligned.
  Value shared(int64_t bytes = 0);
  Value remainder(Value a, int64_t b); ///< of numbers >= 0
  Value divide(Value a, int64_t b);    ///< of numbers >= 0
  using KernelBuilder::divide;
  Value both(Value a, Value b); ///< of conditions; either may be null
  /// Without a condition, always.
  void ifThenAll(Value condition, llvm::function_ref<void()> then);

  /// `count` numbers from or to memory, in registers f32. The address is
  /// aligned to the bytes of all of them, up to 16.
  Value loadNumbers(Value ptr, int64_t count, mlir::Type element);
  void storeNumbers(Value numbers, Value ptr, mlir::Type element);

  // Tensor cores (GpuTensorCores.cpp). Words are i32 with two bf16, the one
  // with the lower number in the lower half.
  /// Waits for the threads of the own warp.
  void warpBarrier();
  /// Four 8x8 matrices of bf16 in shared memory as words; lane 8 i + j gives
  /// the address of row j of matrix i.
  llvm::SmallVector<Value> loadMatrices(Value address, bool transposed);
  /// sums + a * b of one 16x8 tile: a has 4 words, b 2, sums 4 numbers.
  llvm::SmallVector<Value> multiplyTile(ValueRange a, ValueRange b,
                                        ValueRange sums);
  Value word(Value low, Value high);
  /// 16 bytes from global to shared memory, later; the first `bytes` (an i32)
  /// of them, zeros behind.
  void copyLater(Value to, Value from, Value bytes = {});
  void closeCopies();
  /// Until at most `open` closed groups of the thread's copies are on their
  /// way.
  void waitForCopies(int64_t open = 0);
  /// 2^x and log2(x) as the approximate instructions.
  Value fastExp2(Value x);
  Value fastLog2(Value x);
  Value fmaF(Value a, Value b, Value sum); ///< of scalars
  /// The larger; of a number and a NaN the number.
  Value maxNumber(Value a, Value b);

  Value intrinsic(llvm::StringRef name, mlir::Type result,
                  ValueRange arguments);

private:
  const GpuInfo &gpu;
};

} // namespace mixln

#endif // MIXLN_CONVERSION_GPUBUILDER_H
