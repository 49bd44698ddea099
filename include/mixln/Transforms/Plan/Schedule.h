//===- Schedule.h - Loads, stores and order of an entry ---------*- C++ -*-===//

#ifndef MIXLN_TRANSFORMS_PLAN_SCHEDULE_H
#define MIXLN_TRANSFORMS_PLAN_SCHEDULE_H

#include "mixln/IR/Mixln.h"

namespace mixln {

/// One load of each variable, at the top, of its initial value; one store of
/// each, at the bottom. A load behind a store becomes the stored value; a store
/// that another follows, or that stores what is there, goes. Operations
/// without effect go too.
void normalizeVariables(EntryOp entry);

/// Moves operations whose results are only stored up to their last operand
/// (the operands of weight gradients die early) and packed copies down to
/// their first user.
void shortenLifetimes(EntryOp entry);

/// A copy of `value` made by a row program of the identity (and reshapes),
/// built where `builder` stands. Fails with an error where it is packed.
llvm::FailureOr<mlir::Value> buildCopy(mlir::OpBuilder &builder,
                                       mlir::Value value);

} // namespace mixln

#endif // MIXLN_TRANSFORMS_PLAN_SCHEDULE_H
