//===- FiniteDifferences.cpp - Gradients against differences --------------===//
//
// The objective is a function of one array at a time: of a parameter (the
// `loss` entry) or of an operand (one operation). Each is moved along its
// coordinates and along one direction that is half the gradient's own, so that
// the difference is far above rounding, and half random, so that an error that
// is orthogonal to the gradient shows.
//
//===----------------------------------------------------------------------===//

#include "mixln/Interpreter/FiniteDifferences.h"
#include "mixln/IR/Mixln.h"
#include "mixln/Interpreter/Inputs.h"

#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace mixln;

/// Below this part of all gradients' norm a difference sees rounding.
static constexpr double kRounding = 1e-3;

using Objective = llvm::function_ref<FailureOr<double>(const Array &)>;

static double normOf(ArrayRef<double> values) {
  double sum = 0;
  for (double value : values)
    sum += value * value;
  return std::sqrt(sum);
}

/// Half of the samples where the gradient is largest, the others anywhere.
static SmallVector<int64_t> chooseElements(const Array &gradient,
                                           const NamedRandom &random,
                                           int64_t samples) {
  int64_t count = gradient.getNumElements();
  std::vector<int64_t> order(count);
  for (int64_t i = 0; i < count; ++i)
    order[i] = i;
  int64_t largest = std::min(count, (samples + 1) / 2);
  std::partial_sort(order.begin(), order.begin() + largest, order.end(),
                    [&](int64_t a, int64_t b) {
                      return std::abs(gradient.data[a]) >
                             std::abs(gradient.data[b]);
                    });
  SmallVector<int64_t> chosen(order.begin(), order.begin() + largest);
  for (int64_t i = largest; i < std::min(samples, count); ++i)
    chosen.push_back(int64_t(random.uniform(i) * double(count)));
  return chosen;
}

/// A direction of norm one: the gradient's and a random one.
static std::vector<double> chooseDirection(const Array &gradient,
                                           const NamedRandom &random) {
  std::vector<double> noise(gradient.data.size());
  // Of one number there is one direction; the sum of two would often be zero.
  if (noise.size() == 1)
    return {1.0};
  for (size_t i = 0; i < noise.size(); ++i)
    noise[i] = random.normal(i);
  double norm = normOf(gradient.data), noiseNorm = normOf(noise);
  for (size_t i = 0; i < noise.size(); ++i)
    noise[i] = (norm > 0 ? gradient.data[i] / norm : 0) + noise[i] / noiseNorm;
  double total = normOf(noise);
  for (double &element : noise)
    element /= total;
  return noise;
}

/// The relative error of `gradient` at `point`, along the chosen directions.
static FailureOr<double> compareAt(const Array &point, const Array &gradient,
                                   Objective objective, double normOfAll,
                                   StringRef name,
                                   const FiniteDifferenceOptions &options) {
  SmallVector<double> differences, expected;
  auto move = [&](double derivative,
                  llvm::function_ref<void(Array &, double)> by) {
    Array plus = point, minus = point;
    by(plus, options.step);
    by(minus, -options.step);
    FailureOr<double> above = objective(plus), below = objective(minus);
    if (failed(above) || failed(below))
      return failure();
    expected.push_back(derivative);
    differences.push_back((*above - *below) / (2 * options.step) - derivative);
    return success();
  };

  NamedRandom random(options.seed, name);
  for (int64_t i : chooseElements(gradient, random, options.samples))
    if (failed(move(gradient.data[i],
                    [i](Array &x, double h) { x.data[i] += h; })))
      return failure();
  std::vector<double> direction = chooseDirection(gradient, random);
  double slope = 0;
  for (size_t i = 0; i < direction.size(); ++i)
    slope += direction[i] * gradient.data[i];
  if (failed(move(slope, [&](Array &x, double h) {
        for (size_t i = 0; i < direction.size(); ++i)
          x.data[i] += h * direction[i];
      })))
    return failure();

  double scale = std::max(normOf(expected), kRounding * normOfAll);
  return normOf(differences) / (scale > 0 ? scale : 1);
}

//===----------------------------------------------------------------------===//
// Entries
//===----------------------------------------------------------------------===//

FailureOr<std::vector<FiniteDifference>>
mixln::checkFiniteDifferences(Interpreter &interpreter,
                              const FiniteDifferenceOptions &options) {
  ModuleOp module = interpreter.getModule();
  if (!interpreter.hasVariable(options.terms.front().variable))
    return module.emitError()
           << "has no variable @" << options.terms.front().variable;
  if (failed(interpreter.run(options.gradientEntry)))
    return failure();

  llvm::StringMap<Array> gradients;
  SmallVector<StringRef> parameters;
  double squares = 0;
  for (auto variable : module.getOps<VariableOp>()) {
    StringRef name = variable.getSymName();
    std::string gradient = ("grad." + name).str();
    if (variable.getRole() != Role::Parameter ||
        !interpreter.hasVariable(gradient))
      continue;
    parameters.push_back(name);
    gradients[name] = interpreter.getVariable(gradient);
    squares += std::pow(normOf(gradients[name].data), 2);
  }
  auto loss = [&]() -> FailureOr<double> {
    if (failed(interpreter.run(options.lossEntry)))
      return failure();
    double sum = 0;
    for (const FiniteDifferenceOptions::Term &term : options.terms)
      if (interpreter.hasVariable(term.variable))
        sum += interpreter.getVariable(term.variable).data[0] *
               (interpreter.hasVariable(term.scale)
                    ? interpreter.getVariable(term.scale).data[0]
                    : 1);
    return sum;
  };

  StopGradientTape tape;
  interpreter.setTape(&tape);
  tape.record();
  FailureOr<double> unperturbed = loss();
  std::vector<FiniteDifference> found;
  for (StringRef name : parameters) {
    if (failed(unperturbed))
      break;
    const Array point = interpreter.getVariable(name);
    auto objective = [&](const Array &value) -> FailureOr<double> {
      tape.replay();
      if (failed(interpreter.setVariable(name, value)))
        return failure();
      return loss();
    };
    FailureOr<double> error = compareAt(point, gradients[name], objective,
                                        std::sqrt(squares), name, options);
    if (failed(interpreter.setVariable(name, point)) || failed(error)) {
      unperturbed = failure();
      break;
    }
    found.push_back({name.str(), *error});
  }
  interpreter.setTape(nullptr);
  if (failed(unperturbed))
    return failure();
  return found;
}

//===----------------------------------------------------------------------===//
// One operation
//===----------------------------------------------------------------------===//

FailureOr<std::vector<FiniteDifference>>
mixln::checkOperation(Operation *op, ArrayRef<Array> operands,
                      ArrayRef<Array> cotangents, ArrayRef<Array> gradients,
                      const FiniteDifferenceOptions &options) {
  StopGradientTape tape;
  Execution execution;
  execution.tape = &tape;
  SmallVector<Array> moved(operands), results;
  auto value = [&]() -> FailureOr<double> {
    if (failed(interpretOperation(op, moved, results, execution)))
      return failure();
    double sum = 0;
    for (auto [result, cotangent] : llvm::zip(results, cotangents))
      for (auto [y, dy] : llvm::zip(result.data, cotangent.data))
        sum += y * dy;
    return sum;
  };
  tape.record();
  if (failed(value()))
    return failure();

  double squares = 0;
  for (const Array &gradient : gradients)
    squares += std::pow(normOf(gradient.data), 2);
  std::vector<FiniteDifference> found;
  for (auto [i, gradient] : llvm::enumerate(gradients)) {
    if (gradient.data.empty())
      continue;
    auto objective = [&, i = i](const Array &array) {
      tape.replay();
      moved[i] = array;
      return value();
    };
    std::string name = "operand " + std::to_string(i);
    FailureOr<double> error = compareAt(operands[i], gradient, objective,
                                        std::sqrt(squares), name, options);
    if (failed(error))
      return failure();
    moved[i] = operands[i];
    found.push_back({name, *error});
  }
  return found;
}
