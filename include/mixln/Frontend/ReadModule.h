//===- ReadModule.h - Reading IR that strangers wrote -----------*- C++ -*-===//
//
// MLIR's parser, verifier and printer recurse into what is nested; a text that
// would take them beyond the stack is refused before it is parsed.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_FRONTEND_READMODULE_H
#define MIXLN_FRONTEND_READMODULE_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/StringRef.h"

#include <string>

namespace mixln {

/// What is too large or too deep in the text of a module, with line and column,
/// or nothing.
std::string checkModuleText(llvm::StringRef text);

/// The module of a text; `file` is its name in diagnostics. Null, with a
/// diagnostic, when it is not one.
mlir::OwningOpRef<mlir::ModuleOp> parseModule(llvm::StringRef text,
                                              llvm::StringRef file,
                                              mlir::MLIRContext *context);

/// The module of a file of at most 256 MiB.
mlir::OwningOpRef<mlir::ModuleOp> readModule(llvm::StringRef path,
                                             mlir::MLIRContext *context);

} // namespace mixln

#endif // MIXLN_FRONTEND_READMODULE_H
