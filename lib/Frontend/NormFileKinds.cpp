//===- NormFileKinds.cpp - Norm files: kinds ------------------------------===//

#include "NormFileParser.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

#include <functional>

using namespace llvm;
using namespace mixln;
using mlir::FailureOr;

LogicalResult NormFileParser::parseKinds(const Json &json, bool builtin) {
  auto it = json.find("kinds");
  if (it == json.end())
    return success();
  if (!it->is_object() || it->size() > 64)
    return wrong("kinds", *it, "an object of at most 64 norm kinds");
  std::vector<std::string> all = kindNames();
  for (const auto &[name, value] : it->items()) {
    std::string at = "kinds." + name;
    if (failed(checkNewName(name, at, "norm kind")))
      return failure();
    if (is_contained(all, name))
      return fail(at, "is built in; give it another name");
    all.push_back(name);
  }
  for (const auto &[name, value] : it->items()) {
    std::string at = "kinds." + name;
    if (!value.is_object())
      return wrong(at, value, "an object with params and y");
    if (failed(checkKeys(value, at, {"params", "y"})))
      return failure();
    NormKindSpec kind;
    kind.name = name;
    FormulaNames constants;
    for (StringRef constant : {"n", "eps", "L"})
      constants.names[constant.str()] = FormulaType::Number;
    FormulaNames names = constants;
    names.names["x"] = FormulaType::Row;
    names.kinds = all;
    if (auto params = value.find("params"); params != value.end()) {
      if (!params->is_object() || params->size() > 32)
        return wrong(at + ".params", *params,
                     "an object of at most 32 parameters");
      for (const auto &[paramName, paramValue] : params->items()) {
        std::string paramAt = at + ".params." + paramName;
        if (failed(checkNewName(paramName, paramAt, "parameter")) ||
            failed(checkModuleName(paramName, paramAt)))
          return failure();
        if (paramName == "x" || is_contained(all, paramName))
          return fail(paramAt,
                      "'" + Twine(paramName) + "' is the row or a norm kind");
        ParamSpec param;
        if (failed(this->param(paramValue, paramAt, paramName, constants, true,
                               param)))
          return failure();
        kind.params.push_back(param);
        names.names[paramName] =
            param.isRow ? FormulaType::Row : FormulaType::Number;
      }
    }
    if (!value.contains("y"))
      return fail(at, "lacks \"y\", the formula of the normed row");
    if (failed(formula(value["y"], at + ".y", names, true, kind.y)))
      return failure();
    spec.kinds.push_back(kind);
  }
  return success();
}

LogicalResult NormFileParser::checkKindCycles() {
  std::map<std::string, int> state;
  std::function<LogicalResult(const NormKindSpec &)> visit =
      [&](const NormKindSpec &kind) -> LogicalResult {
    int &mark = state[kind.name];
    if (mark == 1) {
      error = kind.y.message(1, "norm kind '" + kind.name + "' uses itself");
      return failure();
    }
    if (mark == 2)
      return success();
    mark = 1;
    LogicalResult result = success();
    walkFormula(*kind.y.root, [&](const FormulaNode &node) {
      if (failed(result) || node.kind != FormulaNode::Kind::Call)
        return;
      const NormKindSpec *other =
          spec.findKind(node.name == "norm" ? spec.kind : node.name);
      if (other && !findFunction(node.name))
        result = visit(*other);
    });
    state[kind.name] = 2;
    return result;
  };
  for (const NormKindSpec &kind : spec.kinds)
    if (failed(visit(kind)))
      return failure();
  return success();
}

LogicalResult NormFileParser::checkKindSizes() {
  // Kinds that call kinds twice each double at every level.
  constexpr int64_t maxOperations = 2000, maxDepth = 8;
  struct Size {
    int64_t operations = 0, depth = 0;
  };
  std::map<std::string, Size> sizes;
  std::function<Size(const NormKindSpec &)> measure =
      [&](const NormKindSpec &kind) -> Size {
    auto known = sizes.find(kind.name);
    if (known != sizes.end())
      return known->second;
    Size size;
    walkFormula(*kind.y.root, [&](const FormulaNode &node) {
      ++size.operations;
      if (node.kind != FormulaNode::Kind::Call || findFunction(node.name))
        return;
      const NormKindSpec *other =
          spec.findKind(node.name == "norm" ? spec.kind : node.name);
      if (!other)
        return;
      Size inner = measure(*other);
      size.operations =
          std::min(size.operations + inner.operations, maxOperations + 1);
      size.depth = std::max(size.depth, inner.depth);
    });
    ++size.depth;
    return sizes[kind.name] = size;
  };
  for (const NormKindSpec &kind : spec.kinds) {
    Size size = measure(kind);
    if (size.depth > maxDepth) {
      error = kind.y.message(1, "norm kind '" + kind.name + "' nests " +
                                    std::to_string(size.depth) +
                                    " kinds, expected at most " +
                                    std::to_string(maxDepth));
      return failure();
    }
    if (size.operations > maxOperations) {
      error = kind.y.message(
          1, "norm kind '" + kind.name + "' expands to more than " +
                 std::to_string(maxOperations) + " operations");
      return failure();
    }
  }
  return success();
}
