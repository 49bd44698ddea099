//===- Compare.cpp - Whether two modules compute the same -----------------===//

#include "mixln/Interpreter/Compare.h"
#include "mixln/IR/Mixln.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace mlir;
using namespace mixln;

static constexpr double kRounding = 1e-4;

/// Of the finite numbers: beside an infinite norm every difference is nothing.
static double squaredNorm(const Array &array) {
  double sum = 0;
  for (double element : array.data)
    if (!std::isinf(element))
      sum += element * element;
  return sum;
}

static VariableError compareOne(StringRef name, Interpreter &expected,
                                Interpreter &found, double normOfAll) {
  double infinity = std::numeric_limits<double>::infinity();
  if (!found.hasVariable(name))
    return {name.str(), infinity, "the other module has no such variable"};
  if (!found.isWritten(name))
    return {name.str(), infinity, "the other module leaves it unwritten"};
  const Array &a = expected.getVariable(name), &b = found.getVariable(name);
  if (a.shape != b.shape)
    return {name.str(), infinity, "the shapes differ"};
  double difference = 0;
  for (size_t i = 0; i < a.data.size(); ++i)
    // The difference of two infinities is no number, though they are equal.
    if (a.data[i] != b.data[i])
      difference += (a.data[i] - b.data[i]) * (a.data[i] - b.data[i]);
  double scale = std::max(std::sqrt(squaredNorm(a)), kRounding * normOfAll);
  return {name.str(), std::sqrt(difference) / (scale > 0 ? scale : 1), ""};
}

std::vector<VariableError> mixln::compareVariables(Interpreter &expected,
                                                   Interpreter &found) {
  SmallVector<VariableOp> compared;
  double gradientSquares = 0;
  for (auto variable : expected.getModule().getOps<VariableOp>()) {
    StringRef name = variable.getSymName();
    // Other entries may overwrite caches.
    if (variable.getRole() == Role::Packed ||
        variable.getRole() == Role::Cache || !expected.isWritten(name))
      continue;
    compared.push_back(variable);
    if (variable.getRole() == Role::Gradient)
      gradientSquares += squaredNorm(expected.getVariable(name));
  }
  std::vector<VariableError> errors;
  for (VariableOp variable : compared) {
    bool isGradient = variable.getRole() == Role::Gradient;
    errors.push_back(compareOne(variable.getSymName(), expected, found,
                                isGradient ? std::sqrt(gradientSquares) : 0));
  }
  // NaN is worse than everything.
  llvm::sort(errors, [](const VariableError &a, const VariableError &b) {
    bool aIsNaN = std::isnan(a.error), bIsNaN = std::isnan(b.error);
    if (aIsNaN != bIsNaN)
      return aIsNaN;
    if (!aIsNaN && a.error != b.error)
      return a.error > b.error;
    return a.name < b.name;
  });
  return errors;
}
