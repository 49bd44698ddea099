//===- CodeGenerator.h - LLVM's code generators -----------------*- C++ -*-===//
//
// What every target does with its LLVM IR: a machine, the default pipeline, a
// file in memory.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_TARGET_CODEGENERATOR_H
#define MIXLN_TARGET_CODEGENERATOR_H

#include "llvm/Passes/OptimizationLevel.h"
#include "llvm/Support/CodeGen.h"
#include "llvm/Support/Error.h"
#include "llvm/Target/TargetMachine.h"

namespace mixln {

/// The machine of a target that was initialised.
llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
createMachine(const llvm::Triple &triple, llvm::StringRef cpu,
              llvm::StringRef features,
              std::optional<llvm::Reloc::Model> relocation,
              llvm::CodeGenOptLevel level = llvm::CodeGenOptLevel::Aggressive);

/// The machine of this computer's kind, for position-independent code.
llvm::Expected<std::unique_ptr<llvm::TargetMachine>> createHostMachine(
    llvm::StringRef cpu, llvm::StringRef features,
    llvm::CodeGenOptLevel level = llvm::CodeGenOptLevel::Aggressive);

/// Runs LLVM's default pipeline of `level`.
void optimise(llvm::Module &module, llvm::TargetMachine &machine,
              llvm::OptimizationLevel level);

/// The bytes of an object or assembly file.
llvm::Expected<llvm::SmallVector<char, 0>>
emitFile(llvm::Module &module, llvm::TargetMachine &machine,
         llvm::CodeGenFileType type);

} // namespace mixln

#endif // MIXLN_TARGET_CODEGENERATOR_H
