//===- Gather.h - Sides of products made what f32 tiles read ----*- C++ -*-===//
//
//   block of A [rows][K] or [K][rows]  ->  [rows / MR][K + 2][MR]
//   panel of B [K][NR]                 ->  [K][NR]
//
// Once a block, in scratch, instead of once a tile: the copy is then read line
// by line from L1 and L2, and words of bf16 (see KernelBuilder.h) have become
// f32, two steps of K each. Steps below count f32.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_LIB_CONVERSION_MATMULTOVECTOR_GATHER_H
#define MIXLN_LIB_CONVERSION_MATMULTOVECTOR_GATHER_H

#include "mixln/Conversion/MatmulToVector.h"

namespace mixln::gather {

/// Steps behind those of a tile of A: a vector stored for the last step ends
/// within them.
constexpr int64_t kSlack = 2;

/// Steps of K in a word of `product`.
inline int64_t stepsPerWord(Element product) {
  return product == Element::BF16 ? 2 : 1;
}

/// The first number of `row` in a copied block of A with `words` words a row.
mlir::Value rowAddress(KernelBuilder &b, const BlockSpec &spec,
                       mlir::Value block, mlir::Value row, mlir::Value words);

/// (A, lda, to, rows, words, half): `words` of each of `rows` rows; the last
/// word has only its first half if `half` is 1 (spec.oddDepth).
mlir::LLVM::LLVMFuncOp lhsFunction(KernelBuilder &b, const BlockSpec &spec);

/// (B, ldb, to, columns, words): `columns` of at most NR, zeros behind them.
mlir::LLVM::LLVMFuncOp rhsFunction(KernelBuilder &b, const BlockSpec &spec);

} // namespace mixln::gather

#endif // MIXLN_LIB_CONVERSION_MATMULTOVECTOR_GATHER_H
