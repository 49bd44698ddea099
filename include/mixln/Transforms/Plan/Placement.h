//===- Placement.h - Places stored, joined and added-into values *- C++ -*-===//

#ifndef MIXLN_TRANSFORMS_PLAN_PLACEMENT_H
#define MIXLN_TRANSFORMS_PLAN_PLACEMENT_H

#include "mixln/Transforms/Plan/Storage.h"

namespace mixln {

/// An entry whose values are all members of storages.
struct PlacedEntry {
  std::unique_ptr<Lifetimes> lifetimes;
  std::unique_ptr<Storages> storages;
};

/// Decides which values of a normalized entry share bytes. What must: a value
/// and the variable it is stored to, the parts of a concatenation, a result and
/// the operand it adds to; where that is impossible a copy is inserted. What
/// may: results over operands that end there.
llvm::FailureOr<PlacedEntry> placeEntry(EntryOp entry,
                                        KernelGenerator &kernels);

} // namespace mixln

#endif // MIXLN_TRANSFORMS_PLAN_PLACEMENT_H
