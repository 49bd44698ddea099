//===- TensorHelpers.h - Sums and zeros of whole tensors --------*- C++ -*-===//

#ifndef MIXLN_TRANSFORMS_DIFFERENTIATE_TENSORHELPERS_H
#define MIXLN_TRANSFORMS_DIFFERENTIATE_TENSORHELPERS_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"

namespace mixln {

/// A row program that yields zeros.
mlir::Value buildZeros(mlir::OpBuilder &builder, mlir::Location loc,
                       mlir::RankedTensorType type);

/// A row program that adds tensors of one type; one alone is its own sum.
mlir::Value buildSum(mlir::OpBuilder &builder, mlir::Location loc,
                     mlir::ValueRange tensors, llvm::StringRef site = "",
                     int64_t layer = -1);

} // namespace mixln

#endif // MIXLN_TRANSFORMS_DIFFERENTIATE_TENSORHELPERS_H
