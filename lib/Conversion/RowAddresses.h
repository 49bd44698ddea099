//===- RowAddresses.h - Where a row program's rows are ----------*- C++ -*-===//

#ifndef MIXLN_LIB_CONVERSION_ROWADDRESSES_H
#define MIXLN_LIB_CONVERSION_ROWADDRESSES_H

#include "mixln/Analysis/RowStages.h"
#include "mixln/Conversion/KernelBuilder.h"

namespace mixln {

/// Of a tensor.
mlir::Type elementOf(mlir::Value tensor);

/// Element `index` behind `ptr`.
mlir::Value elementAddress(KernelBuilder &b, mlir::Value ptr,
                           mlir::Type element, mlir::Value index);

/// What `indices`, of the leading dimensions of `type`, name behind `base`.
mlir::Value elementAddress(KernelBuilder &b, mlir::Value base,
                           mlir::RankedTensorType type,
                           llvm::ArrayRef<mlir::Value> indices);

/// The tensors of a kernel of a row program, and their rows at one point.
struct RowAddresses {
  explicit RowAddresses(RowwiseOp op) : op(op) {}

  /// The kernel's pointers, of which `pointer` gives number i.
  void take(llvm::function_ref<mlir::Value(unsigned)> pointer);

  /// Makes `point` the present one, for operands. `number` gets the argument,
  /// the address and the type in memory of each operand that has one number at
  /// a point.
  void
  moveTo(KernelBuilder &b, mlir::ValueRange point,
         llvm::function_ref<void(mlir::BlockArgument, mlir::Value, mlir::Type)>
             number);

  /// Address and type in memory of a row at the present point; of tensors, not
  /// of buffers.
  std::pair<mlir::Value, mlir::Type> of(RowSource source);

  RowwiseOp op;
  llvm::SmallVector<mlir::Value> rows, shared, into, results, sums;
  /// Partial sums; null in a program without sums.
  mlir::Value workspace;
  /// At the present point; where results go the emitter says.
  llvm::SmallVector<mlir::Value> rowsHere, resultsHere;
};

} // namespace mixln

#endif // MIXLN_LIB_CONVERSION_ROWADDRESSES_H
