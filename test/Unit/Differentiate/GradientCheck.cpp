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
  double sum = interpreter.getVariable("loss_sum").data[0] *
               values.at("loss_scale").data[0];
  if (interpreter.hasVariable("z_loss_sum"))
    sum += interpreter.getVariable("z_loss_sum").data[0] *
           values.at("z_loss_scale").data[0];
  return sum;
}

std::unique_ptr<Interpreter>
GradientCheck::startForward(StopGradientTape &tape) {
  auto interpreter = std::make_unique<Interpreter>(*forward);
  for (auto &[name, value] : values)
    if (interpreter->hasVariable(name))
      EXPECT_TRUE(succeeded(interpreter->setVariable(name, value))) << errors;
  interpreter->setTape(&tape);
  tape.record();
  evaluate(*interpreter);
  return interpreter;
}

double GradientCheck::slope(Interpreter &interpreter, StopGradientTape &tape,
                            llvm::StringRef parameter, const Array &direction,
                            double step) {
  const Array &point = values.at(parameter.str());
  // The formula of fourth order: (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12h.
  auto at = [&](double offset) {
    Array moved = point;
    for (size_t i = 0; i < moved.data.size(); ++i)
      moved.data[i] += offset * step * direction.data[i];
    EXPECT_TRUE(succeeded(interpreter.setVariable(parameter, moved)));
    tape.replay();
    return evaluate(interpreter);
  };
  double near = at(1) - at(-1), far = at(2) - at(-2);
  EXPECT_TRUE(succeeded(interpreter.setVariable(parameter, point)));
  return (8 * near - far) / (12 * step);
}

Array GradientCheck::numericGradient(llvm::StringRef parameter, double step) {
  StopGradientTape tape;
  std::unique_ptr<Interpreter> interpreter = startForward(tape);
  Array gradient = Array::full(values.at(parameter.str()).shape, 0.0);
  Array direction = gradient;
  for (size_t i = 0; i < gradient.data.size(); ++i) {
    direction.data[i] = 1;
    gradient.data[i] = slope(*interpreter, tape, parameter, direction, step);
    direction.data[i] = 0;
  }
  return gradient;
}

double GradientCheck::directionalError(llvm::StringRef parameter, unsigned seed,
                                       double step) {
  StopGradientTape tape;
  std::unique_ptr<Interpreter> interpreter = startForward(tape);
  const Array &gradient = values.at(("grad." + parameter).str());
  std::mt19937 random(seed);
  Array direction = randomArray(random, gradient.shape);
  double product = 0, squares = 0;
  for (size_t i = 0; i < gradient.data.size(); ++i) {
    product += gradient.data[i] * direction.data[i];
    squares += direction.data[i] * direction.data[i];
  }
  auto norm = [](const Array &array) {
    double sum = 0;
    for (double element : array.data)
      sum += element * element;
    return std::sqrt(sum);
  };
  double total = 0;
  for (const std::string &name : getParameters())
    total = std::hypot(total, norm(values.at("grad." + name)));
  double expected = slope(*interpreter, tape, parameter, direction, step);
  return std::abs(product - expected) /
         (std::sqrt(squares) * (norm(gradient) + 1e-3 * total));
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
