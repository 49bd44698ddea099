//===- PlanTable.h - From a planned module to a program ---------*- C++ -*-===//

#ifndef MIXLN_TARGET_PLANTABLE_H
#define MIXLN_TARGET_PLANTABLE_H

#include "mixln/Interfaces/KernelGenerator.h"

#include "mixln-rt/program.h"

#include "llvm/ADT/StringMap.h"

namespace mixln {

/// Symbols of the phases of each kernel, as KernelGenerator::emitKernel gave
/// them.
using KernelPhases = llvm::StringMap<llvm::SmallVector<std::string>>;

/// What the program says of the machine it was compiled for.
struct ProgramTarget {
  std::string compiler; ///< version of the compiler
  std::string target;   ///< cpu or cuda
  std::string cpu;
  std::vector<std::string> cpuFeatures;
  std::string gpuArch;
  /// What the plan was asked to fit into.
  int64_t memoryLimit = 0;
  bool checkpoints = false;
};

/// The table that the runtime walks, from a module whose entries are dispatches
/// (see formDispatches). Operands stand in the order of the kernel's pointers:
/// reads, writes, workspace.
llvm::FailureOr<rt::Program> buildProgram(mlir::ModuleOp module,
                                          KernelGenerator &kernels,
                                          const KernelPhases &phases,
                                          const ProgramTarget &target);

} // namespace mixln

#endif // MIXLN_TARGET_PLANTABLE_H
