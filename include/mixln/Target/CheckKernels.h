//===- CheckKernels.h - Kernels against the interpreter ---------*- C++ -*-===//

#ifndef MIXLN_TARGET_CHECKKERNELS_H
#define MIXLN_TARGET_CHECKKERNELS_H

#include "mixln/Target/CpuKernels.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/raw_ostream.h"

namespace mixln {

struct CheckKernelsOptions {
  uint64_t seed = 1;
  /// Rows of a kernel that are compared (all where there are fewer).
  int64_t sampledRows = 12;
  /// Limit on |kernel - interpreter| / |interpreter|, L2 over a result. Sums
  /// over a few thousand single-precision terms keep 1e-5.
  double tolerance = 1e-5;
  /// The same for results of bf16, and for all of attention on bf16: an element
  /// is off by at most half a unit in its 8th bit, 2^-8, and that of attention
  /// by what it rounds inside. What is printed is scaled to `tolerance`.
  double bf16Tolerance = 0x1p-7;
};

/// Runs every distinct kernel of the planned `module` in this process, at the
/// extents of its prototype, on random data, and compares with the double
/// precision interpreter. Prints a line a kernel to `out`; fails with a
/// diagnostic at each kernel that disagrees.
llvm::LogicalResult checkKernels(mlir::ModuleOp module, CpuKernels &kernels,
                                 llvm::raw_ostream &out,
                                 const CheckKernelsOptions &options = {});

} // namespace mixln

#endif // MIXLN_TARGET_CHECKKERNELS_H
