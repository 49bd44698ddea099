//===- DifferentiableModels.h - Backward of the tensor ops ------*- C++ -*-===//
//
// DifferentiableOpInterface for the operations of entries: rowwise, matmul,
// pack, embedding, attention and upstream reshapes, slices and concatenations.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_TRANSFORMS_DIFFERENTIATE_DIFFERENTIABLEMODELS_H
#define MIXLN_TRANSFORMS_DIFFERENTIATE_DIFFERENTIABLEMODELS_H

#include "mlir/IR/Operation.h"

namespace mixln {

/// One file each; called by registerDifferentiableModels.
void attachRowwiseModel(mlir::MLIRContext *context);
void attachMatmulModels(mlir::MLIRContext *context);
void attachTokenModels(mlir::MLIRContext *context);
void attachShapeModels(mlir::MLIRContext *context);

/// Gives the operation `to` of a backward the site of `from`, the operation
/// that it belongs to, followed by ".backward".
void setBackwardSite(mlir::Operation *from, mlir::Operation *to);

} // namespace mixln

#endif // MIXLN_TRANSFORMS_DIFFERENTIATE_DIFFERENTIABLEMODELS_H
