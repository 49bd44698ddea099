//===- RowDerivatives.h - Reverse mode over row programs --------*- C++ -*-===//
//
// The derivative of a row program is the table of the derivatives of its
// operations (RowDerivatives.cpp) applied from the last to the first. Whatever
// the formulas of a norm say, its backward follows from here.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_TRANSFORMS_DIFFERENTIATE_ROWDERIVATIVES_H
#define MIXLN_TRANSFORMS_DIFFERENTIATE_ROWDERIVATIVES_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/Value.h"

#include <utility>

namespace mixln {

/// A value of a body and the cotangent that reaches it from outside.
using RowSeed = std::pair<mlir::Value, mlir::Value>;

/// Appends the adjoints of `operations` (straight-line code, in order) where
/// `builder` stands and sets `cotangents` to the cotangent of each of `wanted`,
/// null where no gradient flows. Fails with a diagnostic where a gradient meets
/// an operation without a rule; `yield` is where the seeds come from.
llvm::LogicalResult differentiateRow(
    mlir::OpBuilder &builder, llvm::ArrayRef<mlir::Operation *> operations,
    llvm::ArrayRef<RowSeed> seeds, mlir::ValueRange wanted,
    mlir::Location yield, llvm::SmallVectorImpl<mlir::Value> &cotangents);

} // namespace mixln

#endif // MIXLN_TRANSFORMS_DIFFERENTIATE_ROWDERIVATIVES_H
