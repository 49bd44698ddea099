//===- TensorType.h - The type of a tensor ----------------------*- C++ -*-===//

#ifndef MIXLN_IR_TENSORTYPE_H
#define MIXLN_IR_TENSORTYPE_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Value.h"

namespace mixln {

/// The type of `value`, which is a tensor.
inline mlir::RankedTensorType typeOf(mlir::Value value) {
  return mlir::cast<mlir::RankedTensorType>(value.getType());
}

} // namespace mixln

#endif // MIXLN_IR_TENSORTYPE_H
