//===- PlanMemory.h - Values to offsets in one arena ------------*- C++ -*-===//
//
// After the plan, every operation of an entry that runs a kernel carries:
//
//   mixln.reads      byte offset of each operand in the arena
//   mixln.writes     byte offset of each result
//   mixln.workspace  offset and bytes, where the kernel wants a workspace
//   mixln.tasks, mixln.sizes   how the kernel is launched
//
// and every variable the attribute `offset`. The module has
// `mixln.arena_bytes`, `mixln.step_bytes` (the same without the entries that
// write a large output, which training does not call), `mixln.shared_offset`
// (where the bytes begin that entries share) and `mixln.scratch_bytes`; each
// entry has `mixln.peak_bytes`, what it uses behind the variables, and
// `mixln.live_bytes`, the most it has alive there at a time.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_TRANSFORMS_PLAN_PLANMEMORY_H
#define MIXLN_TRANSFORMS_PLAN_PLANMEMORY_H

#include "mixln/Interfaces/KernelGenerator.h"

#include "mlir/Pass/Pass.h"

namespace mixln {

/// The variables that lie in the bytes that entries share: caches of a
/// generation, and outputs of more than a MiB that no entry reads. They are
/// valid until the next call of another entry.
llvm::DenseSet<mlir::Operation *> findSharedVariables(mlir::ModuleOp module,
                                                      KernelGenerator &kernels);

/// Plans the memory of every entry of `module`.
llvm::LogicalResult planMemory(mlir::ModuleOp module, KernelGenerator &kernels);

/// Bytes of the arena that the entries of a training step reach, of a planned
/// module.
int64_t getStepBytes(mlir::ModuleOp module);

/// Replaces planned operations by dispatches of kernels; needs planMemory().
llvm::LogicalResult formDispatches(mlir::ModuleOp module,
                                   KernelGenerator &kernels);

/// Passes that ask `kernels`, which must outlive them. The ones that Passes.td
/// declares ask the reference kernels. Products are joined before the plan.
std::unique_ptr<mlir::Pass> createJoinProductsPass(KernelGenerator &kernels);
std::unique_ptr<mlir::Pass> createPlanMemoryPass(KernelGenerator &kernels);
std::unique_ptr<mlir::Pass> createFormDispatchesPass(KernelGenerator &kernels);

} // namespace mixln

#endif // MIXLN_TRANSFORMS_PLAN_PLANMEMORY_H
