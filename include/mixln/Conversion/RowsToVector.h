//===- RowsToVector.h - CPU kernels of row programs -------------*- C++ -*-===//
//
// Writes a mixln.rowwise as a CPU kernel: the rows are split into tasks, and a
// row runs through the stages of RowStages, each a loop over vectors of the
// target's width.
//
// Pointers: row operands, shared operands, initial values of sums, row
// results, sums, and, if there are sums, the workspace. Sizes: the number of
// rows, the number of tasks of phase 0. Everything else (row lengths, heads,
// moduli of maps) is part of the kernel.
//
// Sums: phase 0 adds up the rows of a task into the task's own slot of the
// workspace, phase 1 adds the slots in order. Both orders depend on shapes
// alone, and the two levels keep the error of long sums small.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_CONVERSION_ROWSTOVECTOR_H
#define MIXLN_CONVERSION_ROWSTOVECTOR_H

#include "mixln/Conversion/KernelBuilder.h"
#include "mixln/IR/Mixln.h"
#include "mixln/Interfaces/KernelGenerator.h"

namespace mixln {

/// Writes the kernel of `op` as functions `symbol`, and `symbol`_sums where
/// there are sums; appends their names to `phases`. Fails with an error at the
/// operation that is not allowed in row programs.
mlir::LogicalResult emitRowKernel(RowwiseOp op, llvm::StringRef symbol,
                                  KernelBuilder &builder,
                                  llvm::SmallVectorImpl<std::string> &phases);

/// How `op` launches its kernel, on a target with so many lanes a register.
Launch getRowLaunch(RowwiseOp op, int64_t lanes = 16);

/// Two row programs with equal keys run the same kernel.
std::string getRowKey(RowwiseOp op);

/// Whether result `result` may lie over operand `operand` (numbers of operands
/// and results of the operation).
///
/// A row result may lie over a row operand of the same type, read through the
/// identity map (so that no other row needs it), if no stage after the one
/// that stores the result reads the operand again. A sum may lie over its own
/// initial value.
bool canRowWriteInPlace(RowwiseOp op, unsigned operand, unsigned result);

/// Row results may lie as matmuls read them: #mixln.paired or #mixln.packed of
/// bf16. Programs with sums write no transposed ones.
bool canRowWriteLayout(RowwiseOp op, unsigned result,
                       mlir::RankedTensorType type);

} // namespace mixln

#endif // MIXLN_CONVERSION_ROWSTOVECTOR_H
