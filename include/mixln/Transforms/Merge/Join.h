//===- Join.h - Joining row programs ----------------------------*- C++ -*-===//

#ifndef MIXLN_TRANSFORMS_MERGE_JOIN_H
#define MIXLN_TRANSFORMS_MERGE_JOIN_H

#include "mixln/IR/Mixln.h"

#include <limits>

namespace mixln {

struct JoinOptions {
  /// Category of the remarks.
  llvm::StringRef category;
  /// After differentiation `mixln.stop_gradient` is the identity.
  bool dropStopGradient = false;
  /// A discardable attribute that programs have on one side of a place in the
  /// entry; those of the two sides are not joined. Empty: there is none.
  llvm::StringRef fence;
  /// The most tensors that a joined program may read and write.
  size_t mostTensors = std::numeric_limits<size_t>::max();
};

/// Joins the row programs of `entry` until none can be joined, simplifies them,
/// and reports both what was joined and, for each program that reads another's
/// rows, why not.
void joinRowPrograms(EntryOp entry, const JoinOptions &options);

/// Makes matmuls that read one left side the same way one matmul with a list.
void mergeMatmuls(EntryOp entry, llvm::StringRef category);

} // namespace mixln

#endif // MIXLN_TRANSFORMS_MERGE_JOIN_H
