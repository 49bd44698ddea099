//===- Formula.h - The formula language -------------------------*- C++ -*-===//
//
// Norms and wirings are formulas on rows and numbers:
//
//   (tanh(sum(x*beta)) * alpha + weight) * x / sqrt(mean(x*x) + eps)
//
// A formula is parsed, checked against the names of its place, and then either
// evaluated to a number (initial values, conditions, constants) or lowered to
// row IR (FormulaLowering.h).
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_FRONTEND_FORMULA_H
#define MIXLN_FRONTEND_FORMULA_H

#include "mlir/Support/LLVM.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/LogicalResult.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace mixln {

/// A node of a formula's syntax tree.
struct FormulaNode {
  enum class Kind { Number, Name, Operator, Call };
  Kind kind = Kind::Number;
  double number = 0;
  /// The name, the operator ("+", "neg", "and", "<=", ...) or the function.
  std::string name;
  /// `KIND.NAME(...)`: NAME.
  std::string site;
  std::vector<std::shared_ptr<const FormulaNode>> args;
  size_t column = 1; ///< from 1
};

using FormulaRef = std::shared_ptr<const FormulaNode>;

/// A parsed formula; `where` says in which file and place it stands.
struct Formula {
  std::string text;
  std::string where;
  FormulaRef root;

  explicit operator bool() const { return root != nullptr; }
  /// "WHERE: column C: MESSAGE".
  std::string message(size_t column, const std::string &text) const;
};

/// Parses `text`. Errors are whole messages that begin with `where`.
mlir::FailureOr<Formula>
parseFormula(llvm::StringRef text, llvm::StringRef where, std::string &error);

/// The formula that is a number.
Formula numberFormula(double value);

/// What a name or a subformula is.
enum class FormulaType { Number, Row, Condition };

/// What a place offers to a formula.
struct FormulaNames {
  std::map<std::string, FormulaType> names;
  /// Norm kinds: functions from a row to a row.
  std::vector<std::string> kinds;
};

/// Finds unknown names and functions, wrong numbers of arguments and of types,
/// with a suggestion where a name is near.
mlir::FailureOr<FormulaType> checkFormula(const Formula &formula,
                                          const FormulaNames &names,
                                          std::string &error);

using Constants = std::map<std::string, double>;

/// The value of a checked formula of `constants` alone; conditions are 1 or 0.
mlir::FailureOr<double> evaluateFormula(const Formula &formula,
                                        const Constants &constants,
                                        std::string &error);
/// Whether every name in `node` is one of `constants`.
bool isConstant(const FormulaNode &node, const Constants &constants);
double evaluateNode(const FormulaNode &node, const Constants &constants);

/// Whether a name stands in the formula.
bool usesName(const FormulaNode &node, llvm::StringRef name);

/// Calls `visit` on every node, arguments first.
void walkFormula(const FormulaNode &node,
                 llvm::function_ref<void(const FormulaNode &)> visit);

/// A function of the language that is not a norm kind.
struct FormulaFunction {
  llvm::StringLiteral name;
  unsigned minArgs, maxArgs;
  /// Takes a row and gives a number (sum, mean, max and min of one argument).
  bool reduces;
};
const FormulaFunction *findFunction(llvm::StringRef name);

} // namespace mixln

#endif // MIXLN_FRONTEND_FORMULA_H
