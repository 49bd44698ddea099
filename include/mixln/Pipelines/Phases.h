//===- Phases.h - The one list of phases ------------------------*- C++ -*-===//
//
// A compilation is a list of phases, each with a rule that its result keeps.
// `--compile-from`, `--compile-to` and `--dump-phases-to` name them, tests stop
// at them, and a failure says in which one it happened.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_PIPELINES_PHASES_H
#define MIXLN_PIPELINES_PHASES_H

#include "mixln/Interfaces/KernelGenerator.h"
#include "mixln/Transforms/Rematerialize/Rematerialize.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"

#include <optional>
#include <string>

namespace mixln {

enum class Phase {
  Import,
  Expand,
  Merge,
  Differentiate,
  Fuse,
  Rematerialize,
  Plan,
  Lower,
  Emit
};

struct PhaseInfo {
  Phase phase;
  llvm::StringRef name;
  /// What goes in and what comes out.
  llvm::StringRef summary;
  /// Why it stands where it stands.
  llvm::StringRef reason;
};

/// All phases in order.
llvm::ArrayRef<PhaseInfo> getPhases();
llvm::StringRef getPhaseName(Phase phase);
std::optional<Phase> parsePhase(llvm::StringRef name);

struct PhaseOptions {
  /// The target's kernels; the plan asks it for shapes and sizes. Null: plain
  /// tensors, for tests of the passes.
  KernelGenerator *generator = nullptr;
  ChunkSizes chunks;
  /// Whether there are entries that generate text.
  bool generation = false;
  /// Whether packed weights of bf16 are kept from one update to the next.
  bool keepPacks = false;
  /// What may be computed again in the backward.
  RematerializeOptions rematerialize;
};

/// Appends the passes of a phase from Expand to Plan.
void buildPhase(Phase phase, mlir::OpPassManager &manager,
                const PhaseOptions &options);

/// Checks what must hold after `phase`; diagnostics at the operations at fault.
llvm::LogicalResult verifyPhase(Phase phase, mlir::ModuleOp module,
                                const PhaseOptions &options);

struct PhaseRun {
  /// The phases after `done`, up to `last` (at most Plan), are run.
  Phase done = Phase::Import;
  Phase last = Phase::Plan;
  /// Where to write NN-phase.mlir after each phase; empty: nowhere.
  std::string dumpDirectory;
  /// Where a failure leaves the IR that made it; empty: nowhere.
  std::string reproducer;
};

/// Runs phases on `module`, with the verifier of each at its end.
llvm::LogicalResult runPhases(mlir::ModuleOp module, const PhaseRun &run,
                              const PhaseOptions &options);

/// Writes `module` as NN-phase.mlir into `directory`.
llvm::LogicalResult dumpPhase(mlir::ModuleOp module, Phase phase,
                              llvm::StringRef directory);

/// Registers `--mixln-pipeline` (expand to plan) with mixln-opt.
void registerPipelines();

} // namespace mixln

#endif // MIXLN_PIPELINES_PHASES_H
