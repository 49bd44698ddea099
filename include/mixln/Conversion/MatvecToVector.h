//===- MatvecToVector.h - Code of matrix-vector products --------*- C++ -*-===//
//
// y_i = W_i x for one row x: a weight is read once, where it lies, and that
// takes all the time. Rows of W are dot products with x, several at a time:
//
//   task (rows of each W): for 4 rows: for k: 4 x 2 vectors of W, 2 of x, 8 fma
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_CONVERSION_MATVECTOVECTOR_H
#define MIXLN_CONVERSION_MATVECTOVECTOR_H

#include "mixln/Conversion/KernelBuilder.h"

namespace mixln {

/// y_i [1, N_i] = x_i [1, K_i] * W_i^T. One x serves all products, or each has
/// its own.
struct MatvecSpec {
  int64_t numLhs = 1;
  int64_t numRhs = 1;
  /// What is multiplied: f32 that meets bf16 is rounded.
  Element product = Element::F32;
  /// In memory.
  Element lhs = Element::F32, rhs = Element::F32;
  /// Bit i: y_i is bf16.
  uint64_t bf16Results = 0;
  std::string name() const;
};

int64_t matvecTasks(llvm::ArrayRef<std::pair<int64_t, int64_t>> products);

/// pointers: x..., W..., y...
/// sizes: for each product N, K.
void emitMatvecKernel(KernelBuilder &b, llvm::StringRef symbol,
                      const MatvecSpec &spec);

} // namespace mixln

#endif // MIXLN_CONVERSION_MATVECTOVECTOR_H
