//===- SplitSums.h - Sums of many rows, one at a time -----------*- C++ -*-===//

#ifndef MIXLN_TRANSFORMS_FUSE_SPLITSUMS_H
#define MIXLN_TRANSFORMS_FUSE_SPLITSUMS_H

#include "mixln/IR/Mixln.h"

namespace mixln {

/// Splits row programs that only add three or more tensors into additions of
/// two, each where its later operand is made.
void splitSums(EntryOp entry);

} // namespace mixln

#endif // MIXLN_TRANSFORMS_FUSE_SPLITSUMS_H
