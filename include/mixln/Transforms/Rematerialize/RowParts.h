//===- RowParts.h - A row program that reads what is stored -----*- C++ -*-===//

#ifndef MIXLN_TRANSFORMS_REMATERIALIZE_ROWPARTS_H
#define MIXLN_TRANSFORMS_REMATERIALIZE_ROWPARTS_H

#include "mixln/IR/Mixln.h"

namespace mixln {

/// A value of a row program's body, and a tensor whose rows hold it.
struct StoredRow {
  mlir::Value computed;
  mlir::Value tensor;
};

/// Replaces `op` by a program that reads `stored` instead of computing it, and
/// has only the row results `results` (and the sums, with `withSums`).
RowwiseOp readStoredRows(mlir::OpBuilder &builder, RowwiseOp op,
                         llvm::ArrayRef<StoredRow> stored,
                         llvm::ArrayRef<unsigned> results, bool withSums);

} // namespace mixln

#endif // MIXLN_TRANSFORMS_REMATERIALIZE_ROWPARTS_H
