//===- Rematerialize.h - Less memory for more computing ---------*- C++ -*-===//

#ifndef MIXLN_TRANSFORMS_REMATERIALIZE_REMATERIALIZE_H
#define MIXLN_TRANSFORMS_REMATERIALIZE_REMATERIALIZE_H

#include "mixln/Interfaces/KernelGenerator.h"

#include "mlir/Pass/Pass.h"

namespace mixln {

struct RematerializeOptions {
  /// Bytes that the planned step may need (see getStepBytes); 0: no limit.
  int64_t memoryLimit = 0;
  /// Keep only the narrowest place of each layer.
  bool checkpoints = false;
};

/// Computes values of the forward again in the backward, in every entry of
/// `module`: cheap ones always, others as `options` ask. Returns the bytes that
/// the planned step needs where there is a limit (it may be more than the
/// limit: then it is the least that was found), else 0; fails if there is no
/// plan.
llvm::FailureOr<int64_t> rematerialize(mlir::ModuleOp module,
                                       KernelGenerator &kernels,
                                       const RematerializeOptions &options);

/// The pass with a target's kernels, which must outlive it. A limit that
/// cannot be met is no failure of this one: the plan shows it.
std::unique_ptr<mlir::Pass>
createRematerializePass(KernelGenerator &kernels,
                        const RematerializeOptions &options);

} // namespace mixln

#endif // MIXLN_TRANSFORMS_REMATERIALIZE_REMATERIALIZE_H
