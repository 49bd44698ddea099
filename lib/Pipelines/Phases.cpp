//===- Phases.cpp - The one list of phases --------------------------------===//

#include "mixln/Pipelines/Phases.h"
#include "mixln/Interfaces/KernelGenerator.h"
#include "mixln/Transforms/Passes.h"
#include "mixln/Transforms/Plan/PlanMemory.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/ToolOutputFile.h"

using namespace mlir;
using namespace mixln;

static const PhaseInfo phases[] = {
    {Phase::Import, "import",
     "config and norm specification -> blocks with placements",
     "first: declarative, so that what was understood can be read back"},
    {Phase::Expand, "expand",
     "blocks -> operations on tensors with named sites",
     "the only phase that knows what a placement means; all later ones see "
     "plain row programs"},
    {Phase::Merge, "merge",
     "row programs of the forward joined, matmuls with one input merged",
     "before differentiate: each joined program then gets one backward "
     "program"},
    {Phase::Differentiate, "differentiate",
     "forward -> forward, backward, update",
     "before fuse: the backward's programs are joined by the same pass"},
    {Phase::Fuse, "fuse",
     "row programs joined over everything, large tensors in chunks, weights "
     "packed",
     "before plan: lifetimes depend on what still exists as a tensor"},
    {Phase::Rematerialize, "rematerialize",
     "values of the forward computed again in the backward, to fit in memory",
     "after fuse: what is kept, and what a packed weight or a chunk holds, is "
     "known; before plan: it decides what is alive"},
    {Phase::Plan, "plan", "operations -> dispatches with offsets in one arena",
     "last on tensors: after it nothing moves"},
    {Phase::Lower, "lower", "kernels -> LLVM IR",
     "the only phase that knows the target's instructions"},
    {Phase::Emit, "emit", "LLVM IR and plan table -> executable", "last"},
};

ArrayRef<PhaseInfo> mixln::getPhases() { return phases; }

StringRef mixln::getPhaseName(Phase phase) {
  return phases[static_cast<int>(phase)].name;
}

std::optional<Phase> mixln::parsePhase(StringRef name) {
  for (const PhaseInfo &info : phases)
    if (info.name == name)
      return info.phase;
  return std::nullopt;
}

void mixln::buildPhase(Phase phase, OpPassManager &manager,
                       const PhaseOptions &options) {
  switch (phase) {
  case Phase::Expand:
    manager.addPass(createMixlnExpand({options.generation}));
    return;
  case Phase::Merge:
    manager.addPass(createMixlnMerge());
    return;
  case Phase::Differentiate:
    manager.addPass(createMixlnDifferentiate());
    return;
  case Phase::Fuse: {
    manager.addPass(createMixlnFuse());
    // Chunks after joining: the loss's forward and backward are then one
    // program, and the logits have one reader less.
    MixlnChunkOptions chunk;
    chunk.rows = options.chunks.rows;
    chunk.threshold = options.chunks.threshold;
    manager.addPass(createMixlnChunk(chunk));
    // Types after joining: what is carried from one row program to another is
    // known. Before packs, which narrow the weights.
    manager.addPass(createMixlnTypes());
    MatmulTraits matmuls = options.generator
                               ? options.generator->getMatmulTraits()
                               : MatmulTraits();
    // Lists are taken apart after types: the parts of a sum have its type.
    if (!matmuls.lists)
      manager.addPass(createMixlnSplitProducts());
    // After types: which products round their weights is known.
    if (matmuls.packs)
      manager.addPass(createMixlnDecodeWeights());
    // Packs after chunks: one packed weight serves all chunks.
    if (matmuls.packs)
      manager.addPass(createMixlnPack());
    else
      manager.addPass(createMixlnCastSides());
    if (options.keepPacks)
      manager.addPass(createMixlnKeepPacks());
    return;
  }
  case Phase::Rematerialize:
    manager.addPass(createMixlnReuseRows());
    if (options.generator) {
      manager.addPass(
          createRematerializePass(*options.generator, options.rematerialize));
      // Behind reuse and rematerialization: what reads a product is known.
      if (!options.generator->getMatmulTraits().addsInPlace)
        manager.addPass(createMixlnAddInProducts());
    } else {
      MixlnRematerializeOptions pass;
      pass.memoryLimit = options.rematerialize.memoryLimit;
      pass.checkpoints = options.rematerialize.checkpoints;
      manager.addPass(createMixlnRematerialize(pass));
    }
    return;
  case Phase::Plan:
    if (options.generator) {
      // Last of all, because copies are row programs that no other should see:
      // they are the price of a layout, not part of the model.
      if (!options.generator->getMatmulTraits().oddRows)
        manager.addPass(createMixlnPadRows());
      manager.addPass(createJoinProductsPass(*options.generator));
      manager.addPass(createPlanMemoryPass(*options.generator));
      manager.addPass(createFormDispatchesPass(*options.generator));
    } else {
      manager.addPass(createMixlnPlanMemory());
      manager.addPass(createMixlnFormDispatches());
    }
    return;
  case Phase::Import:
  case Phase::Lower:
  case Phase::Emit:
    llvm_unreachable("phase is not a list of passes on the dialect");
  }
}

LogicalResult mixln::dumpPhase(ModuleOp module, Phase phase,
                               StringRef directory) {
  if (std::error_code error = llvm::sys::fs::create_directories(directory))
    return module.emitError()
           << "cannot create folder " << directory << ": " << error.message();
  SmallString<128> path(directory);
  llvm::sys::path::append(path, llvm::formatv("{0,0+2}-{1}.mlir",
                                              static_cast<int>(phase) + 1,
                                              getPhaseName(phase))
                                    .str());
  std::error_code error;
  llvm::ToolOutputFile file(path, error, llvm::sys::fs::OF_None);
  if (error)
    return module.emitError()
           << "cannot write " << path.str() << ": " << error.message();
  module.print(file.os());
  file.keep();
  return success();
}

LogicalResult mixln::runPhases(ModuleOp module, const PhaseRun &run,
                               const PhaseOptions &options) {
  for (const PhaseInfo &info : phases) {
    if (info.phase <= run.done || info.phase > run.last ||
        info.phase > Phase::Plan)
      continue;
    PassManager manager(module.getContext());
    buildPhase(info.phase, manager, options);
    if (!run.reproducer.empty())
      manager.enableCrashReproducerGeneration(run.reproducer);
    if (failed(manager.run(module)) ||
        failed(verifyPhase(info.phase, module, options))) {
      InFlightDiagnostic diag =
          mlir::emitError(UnknownLoc::get(module.getContext()))
          << "phase " << info.name << " failed";
      if (!run.reproducer.empty())
        diag.attachNote() << "to see it again: mixln-opt " << run.reproducer
                          << " --run-reproducer";
      return diag;
    }
    if (!run.dumpDirectory.empty() &&
        failed(dumpPhase(module, info.phase, run.dumpDirectory)))
      return failure();
  }
  return success();
}

void mixln::registerPipelines() {
  static PassPipelineRegistration<> pipeline(
      "mixln-pipeline", "All phases on the dialect, from expand to plan",
      [](OpPassManager &manager) {
        for (const PhaseInfo &info : getPhases())
          if (info.phase > Phase::Import && info.phase <= Phase::Plan)
            buildPhase(info.phase, manager, PhaseOptions());
      });
}
