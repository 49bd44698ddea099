//===- EmulatorObject.h - GPU kernels as code of this CPU -------*- C++ -*-===//

#ifndef MIXLN_TARGET_EMULATOROBJECT_H
#define MIXLN_TARGET_EMULATOROBJECT_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"

#include <string>

namespace llvm {
class Module;
} // namespace llvm

namespace mixln {

/// An object file for x86 that defines the tables of mixln-rt/emulator.h, from
/// the module that goes into the code generator for NVPTX. `phases` are the
/// kernels' symbols in the table's order; empty where the kernel is a
/// library's. With `text`, also writes the rewritten LLVM IR there, before it
/// is optimised. Fails where a kernel uses an intrinsic that the emulator does
/// not have.
llvm::Expected<llvm::SmallVector<char, 0>>
emitEmulatorObject(const llvm::Module &kernels,
                   llvm::ArrayRef<std::string> phases,
                   std::string *text = nullptr);

} // namespace mixln

#endif // MIXLN_TARGET_EMULATOROBJECT_H
