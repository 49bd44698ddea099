//===- RowResults.h - Other results of the same row program -----*- C++ -*-===//

#ifndef MIXLN_IR_ROWRESULTS_H
#define MIXLN_IR_ROWRESULTS_H

#include "mixln/IR/Mixln.h"

namespace mixln {

/// A row result of the new program: the rows of row result `from` of the old
/// one, stored as `type`, in the place of `replaced` where that is not null.
struct RowResult {
  unsigned from;
  mlir::RankedTensorType type;
  mlir::Value replaced;
};

/// Builds the program with these row results and the same sums in the place of
/// `op`, which has lost its body and must be erased. Names of results go over
/// to those that replace them.
RowwiseOp moveToRowResults(RowwiseOp op, llvm::ArrayRef<RowResult> results);

} // namespace mixln

#endif // MIXLN_IR_ROWRESULTS_H
