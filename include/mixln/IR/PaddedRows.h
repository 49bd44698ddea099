//===- PaddedRows.h - Rows that start at multiples of 8 ---------*- C++ -*-===//
//
// tensor<4x13xbf16, "padded"> holds the values of tensor<4x13xbf16>; in memory
// a row has 16 elements. What lies behind the row is no value: nothing that is
// computed from values reads it.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_IR_PADDEDROWS_H
#define MIXLN_IR_PADDEDROWS_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/Support/MathExtras.h"

namespace mixln {

/// Elements of which a padded row has a multiple.
constexpr int64_t kPaddedMultiple = 8;

inline bool hasPaddedRows(mlir::RankedTensorType type) {
  auto encoding = mlir::dyn_cast_or_null<mlir::StringAttr>(type.getEncoding());
  return encoding && encoding.getValue() == "padded";
}

inline mlir::RankedTensorType padRows(mlir::RankedTensorType type) {
  return type.cloneWithEncoding(
      mlir::StringAttr::get(type.getContext(), "padded"));
}

/// Elements from one row of a tensor in memory to the next.
inline int64_t getRowStride(mlir::RankedTensorType type) {
  int64_t columns = type.getShape().back();
  return hasPaddedRows(type) ? llvm::alignTo(columns, kPaddedMultiple)
                             : columns;
}

} // namespace mixln

#endif // MIXLN_IR_PADDEDROWS_H
