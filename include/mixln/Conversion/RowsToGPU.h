//===- RowsToGPU.h - GPU kernels of row programs ----------------*- C++ -*-===//
//
// Writes a mixln.rowwise as a GPU kernel. A team of threads shares a row: a
// few lanes, a warp or a block, by the row's length alone (RowTeams.cpp has
// the table). Thread t of a team of T has the columns
//
//   (j * T + t) * C ... + C - 1      for j = 0, 1, ...
//
// in all stages of RowStages, where C = 8 columns are 16 bytes of bf16 or two
// times 16 bytes of f32. So a thread reads again only what it wrote itself,
// and where the row fits into registers it is read from memory once.
//
//   %y = mixln.rowwise [R] rows(%x : [R, 512]) ...
//     %s = vector.reduction <add>, %q ; ... ; %z = mulf %x, %r
//   =>
//   define ptx_kernel void @k(ptr noalias readonly %x, ptr %y, i64 %rows, ...)
//     %p = gep %x, row * 512 + t * 8
//     %x0 = load <8 x bfloat>, ptr %p, align 16         ; all loads first
//     %s = fadd ...                                     ; 8 columns, then
//     call float @llvm.nvvm.shfl.sync.bfly.f32(...)     ; lanes, then warps
//     store <8 x bfloat> ..., align 16
//
// Pointers: as the operands of the operation stand, then row results, sums,
// and, if there are sums, the workspace. Sizes: the number of rows, the number
// of slots of partial sums, and a 1 that the optimiser does not know. Values:
// those of the operation.
//
// Sums: phase 0 adds up the rows of a team in registers and stores them to the
// team's slot of the workspace, phase 1 adds the slots in order. No atomics;
// the order depends on shapes alone.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_CONVERSION_ROWSTOGPU_H
#define MIXLN_CONVERSION_ROWSTOGPU_H

#include "mixln/Conversion/GpuBuilder.h"
#include "mixln/IR/Mixln.h"
#include "mixln/Interfaces/KernelGenerator.h"

namespace mixln {

/// As emitRowKernel of a CPU; getGpuRowLaunch has the shape of each phase.
mlir::LogicalResult
emitGpuRowKernel(RowwiseOp op, llvm::StringRef symbol, GpuBuilder &builder,
                 llvm::SmallVectorImpl<std::string> &phases);

Launch getGpuRowLaunch(RowwiseOp op);

/// Whether `op` on rows of `width` computes each column from the same column of
/// its operands alone.
bool isGpuElementwise(RowwiseOp op, int64_t width);
/// Writes such a program for `chunk` columns from `column` on, wherever a
/// kernel has them: `load` gives those of an operand, `store` takes those of a
/// result.
void emitGpuElements(GpuBuilder &builder, RowwiseOp op, int64_t chunk,
                     mlir::Value column,
                     llvm::function_ref<mlir::Value(unsigned)> load,
                     llvm::function_ref<void(unsigned, mlir::Value)> store);

/// As canRowWriteInPlace of a CPU. Numbers of a row are read by all threads of
/// a team, so nothing is written over them.
bool canGpuRowWriteInPlace(RowwiseOp op, unsigned operand, unsigned result);

} // namespace mixln

#endif // MIXLN_CONVERSION_ROWSTOGPU_H
