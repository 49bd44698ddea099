//===- FormulaLowering.cpp - Formulas to row IR ---------------------------===//
//
// Subformulas of constants are evaluated here, in double precision. Equal
// subformulas are lowered once. A row divided by a number is multiplied by the
// number's reciprocal: one division a row instead of one a column.
//
//===----------------------------------------------------------------------===//

#include "mixln/Frontend/FormulaLowering.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>

using namespace mlir;
using namespace mixln;

namespace {
class Lowering {
public:
  Lowering(const Formula &formula, RowBuilder &rows, const FormulaScope &scope,
           std::string &error)
      : formula(formula), rows(rows), scope(scope), error(error),
        constants(scope.constants) {
    constants.insert(scope.layerConstants.begin(), scope.layerConstants.end());
  }

  Value lower(const FormulaNode &node) {
    std::string key = text(node);
    auto it = lowered.find(key);
    if (it != lowered.end())
      return it->second;
    Value value = lowerNew(node);
    if (value)
      lowered[key] = value;
    return value;
  }

private:
  std::nullptr_t fail(const FormulaNode &node, const std::string &message) {
    if (error.empty())
      error = formula.message(node.column, message);
    return nullptr;
  }

  /// A text that is the same for equal subformulas.
  static std::string text(const FormulaNode &node) {
    if (node.kind == FormulaNode::Kind::Number) {
      std::string number;
      llvm::raw_string_ostream(number) << llvm::format("%a", node.number);
      return number;
    }
    // A norm kind may have the name of an operator, such as neg.
    std::string result = std::to_string(static_cast<int>(node.kind)) + "." +
                         node.name + "." + node.site + "(";
    for (const FormulaRef &arg : node.args)
      result += text(*arg) + ",";
    return result + ")";
  }

  /// The number `value` that `node` is.
  Value number(const FormulaNode &node, double value) {
    if (!std::isfinite(value))
      return fail(node, "has no finite value here");
    for (const auto &[name, ignored] : scope.layerConstants)
      if (usesName(node, name))
        return scope.immediate(value);
    return rows.constant(value);
  }

  Value lowerNew(const FormulaNode &node) {
    if (isConstant(node, constants))
      return number(node, evaluateNode(node, constants));
    switch (node.kind) {
    case FormulaNode::Kind::Number:
      return rows.constant(node.number);
    case FormulaNode::Kind::Name: {
      Value value = scope.lookup(node.name);
      return value ? value : fail(node, "unknown name '" + node.name + "'");
    }
    case FormulaNode::Kind::Operator:
      return lowerOperator(node);
    case FormulaNode::Kind::Call:
      return lowerCall(node);
    }
    return {};
  }

  Value lowerOperator(const FormulaNode &node) {
    if (node.name == "^" && isConstant(*node.args[1], constants))
      return power(node);
    if (node.name == "/" && isConstant(*node.args[1], constants)) {
      Value left = lower(*node.args[0]);
      Value right = number(node, 1 / evaluateNode(*node.args[1], constants));
      return left && right ? rows.mul(left, right) : Value();
    }
    Value left = lower(*node.args[0]);
    if (!left)
      return {};
    if (node.name == "neg")
      return rows.neg(left);
    if (node.args.size() < 2)
      return fail(node, "'" + node.name + "' cannot be applied to a row");
    Value right = lower(*node.args[1]);
    if (!right)
      return {};
    if (node.name == "+")
      return rows.add(left, right);
    if (node.name == "-")
      return rows.sub(left, right);
    if (node.name == "*")
      return rows.mul(left, right);
    if (node.name == "/") {
      if (isa<VectorType>(left.getType()) && !isa<VectorType>(right.getType()))
        return rows.mul(left, rows.div(rows.constant(1), right));
      return rows.div(left, right);
    }
    if (node.name == "^")
      return rows.pow(left, right);
    return fail(node, "'" + node.name +
                          "' needs numbers that are known when "
                          "the model is compiled");
  }

  /// Small whole powers by multiplication, halves by square roots.
  Value power(const FormulaNode &node) {
    double exponent = evaluateNode(*node.args[1], constants);
    Value base = lower(*node.args[0]);
    if (!base)
      return {};
    double size = std::fabs(exponent);
    Value result;
    if (size == 0.5) {
      result = rows.sqrt(base);
    } else if (size == std::floor(size) && size >= 1 && size <= 16) {
      // Binary powers, so that x^4 is (x*x)*(x*x).
      Value square = base;
      for (int64_t rest = static_cast<int64_t>(size); rest > 0; rest /= 2) {
        if (rest % 2)
          result = result ? rows.mul(result, square) : square;
        if (rest > 1)
          square = rows.mul(square, square);
      }
    } else {
      Value right = number(*node.args[1], exponent);
      return right ? rows.pow(base, right) : Value();
    }
    return exponent < 0 ? rows.div(rows.constant(1), result) : result;
  }

  Value lowerCall(const FormulaNode &node) {
    SmallVector<Value> args;
    for (const FormulaRef &arg : node.args) {
      Value value = lower(*arg);
      if (!value)
        return {};
      args.push_back(value);
    }
    if (!findFunction(node.name))
      return scope.norm(node, args[0], error);
    StringRef name = node.name;
    Value a = args[0];
    if (name == "sum")
      return rows.sum(a);
    if (name == "mean")
      return rows.mean(a);
    if (name == "max")
      return args.size() == 2 ? rows.max(a, args[1]) : rows.maxOf(a);
    if (name == "min")
      // The smallest entry is minus the largest of the negated row.
      return args.size() == 2 ? rows.min(a, args[1])
                              : rows.neg(rows.maxOf(rows.neg(a)));
    if (name == "sqrt")
      return rows.sqrt(a);
    if (name == "rsqrt")
      return rows.rsqrt(a);
    if (name == "exp")
      return rows.exp(a);
    if (name == "log")
      return rows.log(a);
    if (name == "tanh")
      return rows.tanh(a);
    if (name == "erf")
      return rows.erf(a);
    if (name == "sigmoid")
      return rows.sigmoid(a);
    if (name == "silu")
      return rows.mul(a, rows.sigmoid(a));
    if (name == "abs")
      return rows.abs(a);
    if (name == "stop_gradient")
      return rows.stopGradient(a);
    return fail(node, "'" + node.name + "' cannot be lowered");
  }

  const Formula &formula;
  RowBuilder &rows;
  const FormulaScope &scope;
  std::string &error;
  Constants constants;
  std::map<std::string, Value> lowered;
};
} // namespace

FailureOr<Value> mixln::lowerFormula(const Formula &formula, RowBuilder &rows,
                                     Type row, const FormulaScope &scope,
                                     std::string &error) {
  error.clear();
  Value value = Lowering(formula, rows, scope, error).lower(*formula.root);
  if (!value)
    return failure();
  if (value.getType() != row)
    value = rows.broadcast(value, row);
  return value;
}
