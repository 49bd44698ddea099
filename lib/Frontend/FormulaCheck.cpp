//===- FormulaCheck.cpp - Names, types and values of formulas -------------===//

#include "mixln/Frontend/Formula.h"
#include "mixln/Frontend/Json.h"

#include "llvm/ADT/STLExtras.h"

#include <cmath>

using namespace llvm;
using namespace mixln;
using mlir::FailureOr;

static const FormulaFunction functions[] = {
    {"sum", 1, 1, true},      {"mean", 1, 1, true},
    {"max", 1, 2, true},      {"min", 1, 2, true},
    {"sqrt", 1, 1, false},    {"rsqrt", 1, 1, false},
    {"exp", 1, 1, false},     {"log", 1, 1, false},
    {"tanh", 1, 1, false},    {"erf", 1, 1, false},
    {"sigmoid", 1, 1, false}, {"silu", 1, 1, false},
    {"abs", 1, 1, false},     {"stop_gradient", 1, 1, false},
};

const FormulaFunction *mixln::findFunction(StringRef name) {
  const auto *it = find_if(functions, [&](const FormulaFunction &function) {
    return function.name == name;
  });
  return it == std::end(functions) ? nullptr : it;
}

//===----------------------------------------------------------------------===//
// Names and types
//===----------------------------------------------------------------------===//

namespace {
class Checker {
public:
  Checker(const Formula &formula, const FormulaNames &names, std::string &error)
      : formula(formula), names(names), error(error) {}

  FailureOr<FormulaType> check(const FormulaNode &node) {
    switch (node.kind) {
    case FormulaNode::Kind::Number:
      return FormulaType::Number;
    case FormulaNode::Kind::Name:
      return checkName(node);
    case FormulaNode::Kind::Operator:
      return checkOperator(node);
    case FormulaNode::Kind::Call:
      return checkCall(node);
    }
    return failure();
  }

private:
  LogicalResult fail(const FormulaNode &node, const std::string &message) {
    error = formula.message(node.column, message);
    return failure();
  }

  FailureOr<FormulaType> checkName(const FormulaNode &node) {
    auto it = names.names.find(node.name);
    if (it != names.names.end())
      return it->second;
    if (node.name == "t")
      return fail(node, "coefficients that depend on the step ('t') are not "
                        "supported");
    if (findFunction(node.name) || is_contained(names.kinds, node.name))
      return fail(node, "'" + node.name + "' is a function, expected '" +
                            node.name + "(...)'");
    std::vector<std::string> known;
    known.reserve(names.names.size());
    for (const auto &[name, type] : names.names)
      known.push_back(name);
    return fail(node,
                "unknown name '" + node.name + "'" + suggest(node.name, known));
  }

  FailureOr<FormulaType> checkOperator(const FormulaNode &node) {
    bool isLogic =
        node.name == "and" || node.name == "or" || node.name == "not";
    bool compares = node.name == "<" || node.name == "<=" || node.name == ">" ||
                    node.name == ">=" || node.name == "==" || node.name == "!=";
    FormulaType result = FormulaType::Number;
    for (const FormulaRef &arg : node.args) {
      FailureOr<FormulaType> type = check(*arg);
      if (failed(type))
        return failure();
      if ((*type == FormulaType::Condition) != isLogic)
        return fail(node, isLogic ? "'" + node.name + "' needs conditions"
                                  : "'" + node.name +
                                        "' needs numbers, found a condition");
      if (*type == FormulaType::Row) {
        if (compares || node.name == "%")
          return fail(node, "'" + node.name +
                                "' needs numbers that are known "
                                "when the model is compiled, "
                                "found a row");
        result = FormulaType::Row;
      }
    }
    return isLogic || compares ? FormulaType::Condition : result;
  }

  FailureOr<FormulaType> checkCall(const FormulaNode &node) {
    bool isKind = is_contained(names.kinds, node.name);
    const FormulaFunction *function = findFunction(node.name);
    if (!isKind && !function) {
      std::vector<std::string> known = names.kinds;
      for (const FormulaFunction &f : functions)
        known.push_back(f.name.str());
      return fail(node, "unknown function '" + node.name + "'" +
                            suggest(node.name, known));
    }
    if (!isKind && !node.site.empty())
      return fail(node, "'" + node.name +
                            "' is not a norm kind, so it has no "
                            "site '" +
                            node.site + "'");
    unsigned least = isKind ? 1 : function->minArgs;
    unsigned most = isKind ? 1 : function->maxArgs;
    if (node.args.size() < least || node.args.size() > most)
      return fail(
          node, "'" + node.name + "' has " + std::to_string(node.args.size()) +
                    " arguments, expected " + std::to_string(least) +
                    (most > least ? " or " + std::to_string(most) : ""));
    FormulaType result = FormulaType::Number;
    for (const FormulaRef &arg : node.args) {
      FailureOr<FormulaType> type = check(*arg);
      if (failed(type))
        return failure();
      if (*type == FormulaType::Condition)
        return fail(node, "'" + node.name +
                              "' needs a number or a row, found a condition");
      if (*type == FormulaType::Row)
        result = FormulaType::Row;
    }
    bool needsRow = isKind || (function->reduces && node.args.size() == 1);
    if (needsRow && result != FormulaType::Row)
      return fail(node, "'" + node.name + "' needs a row, found a number");
    return needsRow && !isKind ? FormulaType::Number : result;
  }

  const Formula &formula;
  const FormulaNames &names;
  std::string &error;
};
} // namespace

FailureOr<FormulaType> mixln::checkFormula(const Formula &formula,
                                           const FormulaNames &names,
                                           std::string &error) {
  return Checker(formula, names, error).check(*formula.root);
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

bool mixln::isConstant(const FormulaNode &node, const Constants &constants) {
  if (node.kind == FormulaNode::Kind::Name)
    return constants.count(node.name) != 0;
  if (node.kind == FormulaNode::Kind::Call) {
    const FormulaFunction *function = findFunction(node.name);
    if (!function || (function->reduces && node.args.size() == 1))
      return false;
  }
  return all_of(node.args, [&](const FormulaRef &arg) {
    return isConstant(*arg, constants);
  });
}

static double evaluateOperator(StringRef name, double a, double b) {
  if (name == "+")
    return a + b;
  if (name == "-")
    return a - b;
  if (name == "*")
    return a * b;
  if (name == "/")
    return a / b;
  if (name == "%")
    return a - b * std::floor(a / b);
  if (name == "^")
    return std::pow(a, b);
  if (name == "neg")
    return -a;
  if (name == "not")
    return a == 0;
  if (name == "and")
    return a != 0 && b != 0;
  if (name == "or")
    return a != 0 || b != 0;
  if (name == "<")
    return a < b;
  if (name == "<=")
    return a <= b;
  if (name == ">")
    return a > b;
  if (name == ">=")
    return a >= b;
  if (name == "==")
    return a == b;
  return a != b;
}

static double evaluateFunction(StringRef name, double a, double b) {
  if (name == "max")
    return std::fmax(a, b);
  if (name == "min")
    return std::fmin(a, b);
  if (name == "sqrt")
    return std::sqrt(a);
  if (name == "rsqrt")
    return 1 / std::sqrt(a);
  if (name == "exp")
    return std::exp(a);
  if (name == "log")
    return std::log(a);
  if (name == "tanh")
    return std::tanh(a);
  if (name == "erf")
    return std::erf(a);
  if (name == "sigmoid")
    return 1 / (1 + std::exp(-a));
  if (name == "silu")
    return a / (1 + std::exp(-a));
  if (name == "abs")
    return std::fabs(a);
  return a; // stop_gradient
}

double mixln::evaluateNode(const FormulaNode &node,
                           const Constants &constants) {
  if (node.kind == FormulaNode::Kind::Number)
    return node.number;
  if (node.kind == FormulaNode::Kind::Name)
    return constants.at(node.name);
  double a = evaluateNode(*node.args[0], constants);
  double b = node.args.size() > 1 ? evaluateNode(*node.args[1], constants) : 0;
  return node.kind == FormulaNode::Kind::Operator
             ? evaluateOperator(node.name, a, b)
             : evaluateFunction(node.name, a, b);
}

FailureOr<double> mixln::evaluateFormula(const Formula &formula,
                                         const Constants &constants,
                                         std::string &error) {
  if (!isConstant(*formula.root, constants)) {
    // The check says which name it is that has no value here.
    FormulaNames names;
    for (const auto &[name, value] : constants)
      names.names[name] = FormulaType::Number;
    if (failed(checkFormula(formula, names, error)))
      return failure();
  }
  double value = evaluateNode(*formula.root, constants);
  if (!std::isfinite(value)) {
    error =
        formula.message(1, "'" + formula.text + "' has no finite value here");
    return failure();
  }
  return value;
}
