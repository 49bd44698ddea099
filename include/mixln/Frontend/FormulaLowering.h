//===- FormulaLowering.h - Formulas to row IR -------------------*- C++ -*-===//

#ifndef MIXLN_FRONTEND_FORMULALOWERING_H
#define MIXLN_FRONTEND_FORMULALOWERING_H

#include "mixln/Frontend/Formula.h"
#include "mixln/IR/RowBuilders.h"

#include <functional>

namespace mixln {

/// Where the names of a formula come from while it is lowered.
struct FormulaScope {
  /// Numbers that become constants of the program.
  Constants constants;
  /// Numbers that differ from layer to layer; what depends on them becomes an
  /// immediate, so that the layers share a program.
  Constants layerConstants;
  std::function<mlir::Value(double)> immediate;
  /// The row or number of a name that is not a constant.
  std::function<mlir::Value(llvm::StringRef)> lookup;
  /// A norm kind's call on a row; null with `error` set where it is refused.
  std::function<mlir::Value(const FormulaNode &, mlir::Value, std::string &)>
      norm;
};

/// Lowers a checked formula; the result is a row of type `row`.
mlir::FailureOr<mlir::Value> lowerFormula(const Formula &formula,
                                          RowBuilder &rows, mlir::Type row,
                                          const FormulaScope &scope,
                                          std::string &error);

} // namespace mixln

#endif // MIXLN_FRONTEND_FORMULALOWERING_H
