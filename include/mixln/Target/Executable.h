//===- Executable.h - Links a program with the runtime ----------*- C++ -*-===//

#ifndef MIXLN_TARGET_EXECUTABLE_H
#define MIXLN_TARGET_EXECUTABLE_H

#include "mixln/Target/GPU.h"

#include "mlir/IR/BuiltinOps.h"

#include <string>

namespace mixln::rt {
struct Program;
} // namespace mixln::rt

namespace mixln {

/// Adds to `kernels` (LLVM dialect) the globals that program.h names: the
/// program's text and the table of the kernels' functions, empty for a GPU.
llvm::LogicalResult addProgramGlobals(mlir::ModuleOp kernels,
                                      const rt::Program &program);

/// Adds the globals of program.h that hold code for GPUs.
void addGpuImages(mlir::ModuleOp module, llvm::ArrayRef<DeviceImage> images);

/// Links `objects` (the bytes of object files) with the runtime beside
/// `toolPath` (its ../lib/mixln-link.txt) into the executable `output`, which
/// appears whole or not at all. Returns the reason on failure, else empty.
std::string linkExecutable(llvm::ArrayRef<llvm::StringRef> objects,
                           llvm::StringRef toolPath, llvm::StringRef output);

} // namespace mixln

#endif // MIXLN_TARGET_EXECUTABLE_H
