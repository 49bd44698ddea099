//===- EmulatedModule.h - Intrinsics and accesses as calls ------*- C++ -*-===//

#ifndef MIXLN_LIB_TARGET_NVGPU_EMULATEDMODULE_H
#define MIXLN_LIB_TARGET_NVGPU_EMULATEDMODULE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <string>

namespace mixln {

/// What the table says of a phase (mixln-rt/emulator.h).
struct PhaseFacts {
  bool waits = false;
  int64_t staticSharedBytes = 0;
  uint64_t constantPointers = 0;
};

/// A copy of `kernels`, still with address spaces, in which everything that
/// only a GPU has is a call of the emulator; nothing in it is specific to
/// NVPTX. Fills `facts` for the phases.
llvm::Expected<std::unique_ptr<llvm::Module>>
rewriteForEmulator(const llvm::Module &kernels,
                   llvm::ArrayRef<std::string> phases,
                   llvm::StringMap<PhaseFacts> &facts);

} // namespace mixln

#endif // MIXLN_LIB_TARGET_NVGPU_EMULATEDMODULE_H
