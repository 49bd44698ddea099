//===- Measures.h - Measurements as formulas --------------------*- C++ -*-===//
//
//   { "branch_ratio": {"per": "sub_layer",
//                      "row": "sqrt(sum(F*F) / sum(x*x))", "reduce": "mean"} }
//
// A measurement is one number of every position, a formula in the language of
// norm files, and how positions are reduced to one number a layer or sub-layer.
// The built-in ones stand in configs/measures.json in the same form.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_FRONTEND_MEASURES_H
#define MIXLN_FRONTEND_MEASURES_H

#include "mixln/IR/Mixln.h"

#include <string>

namespace mixln {

/// The text of the built-in measurements.
llvm::StringRef getBuiltinMeasures();

/// The text of a measurements' file.
mlir::FailureOr<std::string> readMeasures(llvm::StringRef path,
                                          std::string &error);

/// Adds a `mixln.measure` for each measurement of `text`, a JSON object; `file`
/// is its name in errors. On failure `error` is one whole message.
mlir::LogicalResult addMeasures(ModelOp model, llvm::StringRef text,
                                llvm::StringRef file, std::string &error);

} // namespace mixln

#endif // MIXLN_FRONTEND_MEASURES_H
