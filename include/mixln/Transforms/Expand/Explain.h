//===- Explain.h - What was understood of a placement -----------*- C++ -*-===//

#ifndef MIXLN_TRANSFORMS_EXPAND_EXPLAIN_H
#define MIXLN_TRANSFORMS_EXPAND_EXPLAIN_H

#include "mixln/IR/Mixln.h"

#include "mlir/IR/BuiltinOps.h"

#include <functional>
#include <string>

namespace mixln {

/// Prints, for each group of equal layers of an import-phase module, the
/// formulas read back from its expanded IR with parameters, shapes and initial
/// values; then the nearest preset and the difference. The module stays as it
/// is.
mlir::LogicalResult explain(mlir::ModuleOp module, llvm::raw_ostream &os);

/// The formula that a value inside a row program computes. `nameOf` names the
/// program's arguments; norms are recognised by the shape of `kinds`.
std::string
formulaOf(mlir::Value value, llvm::ArrayRef<NormKindOp> kinds,
          std::function<std::string(mlir::BlockArgument)> nameOf);

} // namespace mixln

#endif // MIXLN_TRANSFORMS_EXPAND_EXPLAIN_H
