//===- PrintPython.h - A model as a Python file -----------------*- C++ -*-===//

#ifndef MIXLN_TARGET_PRINTPYTHON_H
#define MIXLN_TARGET_PRINTPYTHON_H

#include "mlir/IR/BuiltinOps.h"

#include <string>

namespace mixln {

/// The text of a `modeling_mixln.py` that computes the logits of an
/// expand-phase module with PyTorch: one function for each distinct row
/// program, the layers as loops where they are alike. transformers loads it
/// through the `auto_map` of an exported folder. Fails with a diagnostic that
/// names the operation which has no Python form.
mlir::FailureOr<std::string> printPython(mlir::ModuleOp expanded);

} // namespace mixln

#endif // MIXLN_TARGET_PRINTPYTHON_H
