//===- Bounds.h - What IR may have at most ----------------------*- C++ -*-===//
//
// IR is read from files that anybody may have written: sizes are bounded so
// that no product of them overflows, and verifiers look into a region only as
// far as it is whole.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_IR_BOUNDS_H
#define MIXLN_IR_BOUNDS_H

#include "mixln/IR/Mixln.h"

namespace mixln {

/// Deeper than any model that was trained.
inline constexpr int64_t kMaxLayers = 1024;

/// Whether every tensor that `op` reads or writes has a static shape of
/// positive, bounded extents; the verifiers of operations on tensors begin with
/// it.
mlir::LogicalResult verifyExtents(mlir::Operation *op);

/// Whether the rows and sums of `yield` are its operands: an operation is
/// verified before what its region holds.
bool isWhole(YieldOp yield);

} // namespace mixln

#endif // MIXLN_IR_BOUNDS_H
