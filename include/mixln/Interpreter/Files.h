//===- Files.h - Variables from and to safetensors files --------*- C++ -*-===//

#ifndef MIXLN_INTERPRETER_FILES_H
#define MIXLN_INTERPRETER_FILES_H

#include "mixln/Interpreter/Interpreter.h"

#include "llvm/Support/Error.h"

namespace mixln {

/// Sets the variables that the tensors of a file name; every tensor must name
/// one and have as many elements. Unshifted `labels` [B, T] give @targets
/// where there is no variable @labels.
llvm::Error loadVariables(Interpreter &interpreter, llvm::StringRef path);

/// Sets @loss_scale to 1 / (number of targets that count) where the module has
/// both and nobody has set the scale.
llvm::LogicalResult setDefaultLossScale(Interpreter &interpreter);

/// Writes every gradient, output and parameter that has been written, as F64
/// or F32.
llvm::Error saveVariables(Interpreter &interpreter, llvm::StringRef path,
                          bool asF64);

} // namespace mixln

#endif // MIXLN_INTERPRETER_FILES_H
