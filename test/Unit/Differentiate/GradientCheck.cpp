//===- GradientCheck.cpp - Gradients against finite differences -----------===//

#include "GradientCheck.h"

#include "mixln/Transforms/Differentiate/Differentiate.h"
#include "mixln/Transforms/Passes.h"

#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"

using namespace mlir;
using namespace mixln;

Array mixln::randomArray(std::mt19937 &random, ArrayRef<int64_t> shape,
                         bool positive) {
  Array array = Array::undefined(shape);
  std::normal_distribution<double> normal;
  for (double &element : array.data) {
    element = normal(random);
    if (positive)
      element = 0.5 + std::abs(element);
  }
  return array;
}

GradientCheck::GradientCheck(llvm::StringRef text) {
  DialectRegistry registry;
  registry.insert<MixlnDialect, arith::ArithDialect, math::MathDialect,
                  tensor::TensorDialect, vector::VectorDialect>();
  registerDifferentiableModels(registry);
  context.appendDialectRegistry(registry);
  context.loadAllAvailableDialects();
  context.getDiagEngine().registerHandler(
      [&](Diagnostic &diagnostic) { errors += diagnostic.str() + "\n"; });
  forward = parseSourceString<ModuleOp>(text, &context);
  EXPECT_TRUE(forward) << errors << text.str();
  if (!forward)
    return;
  differentiated = forward->clone();
  PassManager manager(&context);
  manager.addPass(createMixlnDifferentiate());
  EXPECT_TRUE(succeeded(manager.run(*differentiated))) << errors;
}

void GradientCheck::randomize(unsigned seed, bool positive) {
  std::mt19937 random(seed);
  for (VariableOp variable : differentiated->getOps<VariableOp>()) {
    auto type = cast<RankedTensorType>(variable.getType());
    Role role = variable.getRole();
    if (role != Role::Output && isa<FloatType>(type.getElementType()))
      values[variable.getSymName().str()] = randomArray(
          random, type.getShape(),
          positive && (role == Role::Parameter || role == Role::Input));
  }
}

void GradientCheck::set(llvm::StringRef name, Array value) {
  values[name.str()] = std::move(value);
}

const Array &GradientCheck::get(llvm::StringRef name) const {
  return values.at(name.str());
}

void GradientCheck::run(llvm::StringRef entry) {
  Interpreter interpreter(*differentiated);
  for (auto &[name, value] : values)
    ASSERT_TRUE(succeeded(interpreter.setVariable(name, value))) << errors;
  ASSERT_TRUE(succeeded(interpreter.run(entry))) << errors;
  for (VariableOp variable : differentiated->getOps<VariableOp>())
    values[variable.getSymName().str()] =
        interpreter.getVariable(variable.getSymName());
}

double GradientCheck::evaluate(Interpreter &interpreter) {
  EXPECT_TRUE(succeeded(interpreter.run("loss"))) << errors;
  return interpreter.getVariable("loss_sum").data[0];
}

Array GradientCheck::numericGradient(llvm::StringRef parameter, double step) {
  Interpreter interpreter(*forward);
  for (auto &[name, value] : values)
    if (interpreter.hasVariable(name))
      EXPECT_TRUE(succeeded(interpreter.setVariable(name, value))) << errors;
  // What stands behind stop_gradient stays what it is at this point.
  StopGradientTape tape;
  interpreter.setTape(&tape);
  tape.record();
  evaluate(interpreter);

  Array point = values.at(parameter.str());
  Array gradient = Array::full(point.shape, 0.0);
  double scale = values.at("loss_scale").data[0];
  for (size_t i = 0; i < point.data.size(); ++i) {
    double at[2];
    for (int side : {0, 1}) {
      Array moved = point;
      moved.data[i] += side ? step : -step;
      EXPECT_TRUE(succeeded(interpreter.setVariable(parameter, moved)));
      tape.replay();
      at[side] = evaluate(interpreter);
    }
    gradient.data[i] = scale * (at[1] - at[0]) / (2 * step);
  }
  return gradient;
}

std::vector<std::string> GradientCheck::getParameters() {
  std::vector<std::string> names;
  for (VariableOp variable : forward->getOps<VariableOp>())
    if (variable.getRole() == Role::Parameter)
      names.push_back(variable.getSymName().str());
  return names;
}

void GradientCheck::expectGradients(double tolerance) {
  run("gradient");
  for (const std::string &name : getParameters()) {
    Array expected = numericGradient(name);
    double error = relativeError(get("grad." + name), expected);
    EXPECT_TRUE(error <= tolerance)
        << "gradient of " << name << " is off by " << error;
  }
}
