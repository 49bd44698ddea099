//===- Backward.h - The backward of an entry --------------------*- C++ -*-===//

#ifndef MIXLN_TRANSFORMS_DIFFERENTIATE_BACKWARD_H
#define MIXLN_TRANSFORMS_DIFFERENTIATE_BACKWARD_H

#include "mixln/IR/Mixln.h"

namespace mixln {

/// Appends to `entry`, a forward that stores @loss_sum, what stores the
/// gradient of loss_scale * loss_sum with respect to every parameter P in
/// @grad.P: over what stands there or, with `accumulate`, added to it. Fails
/// with a diagnostic where something has no derivative.
llvm::LogicalResult appendBackward(EntryOp entry, bool accumulate);

} // namespace mixln

#endif // MIXLN_TRANSFORMS_DIFFERENTIATE_BACKWARD_H
