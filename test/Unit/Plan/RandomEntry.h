//===- RandomEntry.h - Modules with random entries --------------*- C++ -*-===//

#ifndef MIXLN_TEST_UNIT_PLAN_RANDOMENTRY_H
#define MIXLN_TEST_UNIT_PLAN_RANDOMENTRY_H

#include "mixln/IR/Mixln.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace mixln::test {

/// Loads every dialect that planned modules use.
void loadDialects(mlir::MLIRContext &context);

/// A module with a few variables and `numEntries` entries `e0`, `e1`, .. of
/// about `numOps` operations each: row programs with sums and initial values
/// of sums, matmuls that add into a value, reshapes, slices, concatenations,
/// loads and stores in any order. Equal seeds give equal modules.
mlir::OwningOpRef<mlir::ModuleOp> makeRandomModule(mlir::MLIRContext &context,
                                                   unsigned seed,
                                                   unsigned numEntries,
                                                   unsigned numOps);

} // namespace mixln::test

#endif // MIXLN_TEST_UNIT_PLAN_RANDOMENTRY_H
