//===- Inputs.cpp - Values to start an interpreter with -------------------===//

#include "mixln/Interpreter/Inputs.h"
#include "mixln/IR/Mixln.h"

#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace mixln;

//===----------------------------------------------------------------------===//
// Random numbers
//===----------------------------------------------------------------------===//

/// A bijection of 64 bits that scatters neighbours (splitmix64's).
static uint64_t scatter(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

NamedRandom::NamedRandom(uint64_t seed, StringRef name) : key(scatter(seed)) {
  for (char c : name)
    key = scatter(key ^ static_cast<unsigned char>(c));
}

double NamedRandom::uniform(uint64_t index) const {
  return static_cast<double>(scatter(key ^ scatter(index)) >> 11) * 0x1p-53;
}

double NamedRandom::normal(uint64_t index) const {
  double radius = std::sqrt(-2 * std::log(1 - uniform(2 * index)));
  return radius * std::cos(2 * llvm::numbers::pi * uniform(2 * index + 1));
}

//===----------------------------------------------------------------------===//
// Initial values
//===----------------------------------------------------------------------===//

static RankedTensorType typeOf(VariableOp variable) {
  return cast<RankedTensorType>(variable.getType());
}

/// An array of the variable's shape whose element i is fn(i).
template <typename Fn> static Array generate(VariableOp variable, Fn fn) {
  Array array = Array::undefined(typeOf(variable).getShape());
  for (int64_t i = 0; i < array.getNumElements(); ++i)
    array.data[i] = fn(i);
  return array;
}

static Array initialValue(VariableOp variable, InitAttr init, uint64_t seed) {
  double number = init.getValue();
  int64_t half = typeOf(variable).getShape().back();
  auto angle = [=](int64_t i) {
    return double(i / half) *
           std::pow(number, -double(i % half) / double(half));
  };
  switch (init.getKind()) {
  case InitKind::Constant:
    break;
  case InitKind::Normal: {
    NamedRandom random(seed, variable.getSymName());
    return generate(variable,
                    [&](int64_t i) { return number * random.normal(i); });
  }
  case InitKind::RopeCos:
    return generate(variable, [&](int64_t i) { return std::cos(angle(i)); });
  case InitKind::RopeSin:
    return generate(variable, [&](int64_t i) { return std::sin(angle(i)); });
  }
  return generate(variable, [&](int64_t) { return number; });
}

LogicalResult mixln::initializeVariables(Interpreter &interpreter,
                                         uint64_t seed) {
  for (auto variable : interpreter.getModule().getOps<VariableOp>()) {
    Array value;
    if (InitAttr init = variable.getInitAttr())
      value = initialValue(variable, init, seed);
    else if (variable.getRole() == Role::Moment)
      value = generate(variable, [](int64_t) { return 0; });
    else
      continue;
    if (failed(interpreter.setVariable(variable.getSymName(), value)))
      return failure();
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Random inputs
//===----------------------------------------------------------------------===//

/// Rows of the table that ids index: what the config or an embedding says.
static int64_t findVocabulary(ModuleOp module) {
  if (auto config = module->getAttrOfType<DictionaryAttr>("mixln.config"))
    if (auto size = config.getAs<IntegerAttr>("vocab_size"))
      return size.getInt();
  int64_t size = 0;
  module.walk([&](EmbeddingOp op) {
    size = cast<RankedTensorType>(op.getTable().getType()).getDimSize(0);
  });
  return size ? size : 8;
}

/// Scales that keep activations and updates near one, so that no term of a sum
/// hides in another's rounding.
static Array randomParameter(VariableOp variable, const NamedRandom &random) {
  ArrayRef<int64_t> shape = typeOf(variable).getShape();
  if (shape.size() < 2) {
    double center = 1;
    if (InitAttr init = variable.getInitAttr())
      center = init.getKind() == InitKind::Constant ? init.getValue() : 0;
    return generate(variable,
                    [&](int64_t i) { return center + 0.2 * random.normal(i); });
  }
  bool isTable = variable.getParameterClass() == "embed";
  double scale = isTable ? 1 : 1 / std::sqrt(double(shape.back()));
  return generate(variable,
                  [&](int64_t i) { return scale * random.normal(i); });
}

static double randomScalar(StringRef name, const NamedRandom &random) {
  double near = 0.5 + random.uniform(0);
  if (name.starts_with("lr."))
    return 1e-3 * near;
  if (name.starts_with("decay.") || name.starts_with("decoupled_decay."))
    return 0.05 * near;
  return llvm::StringSwitch<double>(name)
      .Case("loss_scale", 1.0 / 16)
      .Case("z_loss_scale", 1.0 / 64)
      .Case("beta1", 0.9)
      .Case("beta2", 0.999)
      .Case("eps", 1e-8)
      .Case("bias_correction1", 1 - 0.9 * 0.9 * 0.9)
      .Case("bias_correction2", 1 - 0.999 * 0.999 * 0.999)
      .Case("max_grad_norm", 1)
      .Default(near);
}

static Array randomInput(VariableOp variable, const NamedRandom &random,
                         int64_t vocabulary) {
  if (!typeOf(variable).getElementType().isInteger())
    return generate(variable, [&](int64_t i) { return random.normal(i); });
  // A position, of which there are as many as there are rows in a cache.
  if (variable.getSymName() == "decode_position")
    if (auto ids =
            variable->getParentOfType<ModuleOp>().lookupSymbol<VariableOp>(
                "prefill_ids"))
      vocabulary = typeOf(ids).getDimSize(0);
  bool mayBeIgnored = variable.getSymName() == "targets";
  return generate(variable, [&](int64_t i) {
    if (mayBeIgnored && random.uniform(2 * i + 1) < 0.25)
      return -100.0;
    return std::floor(random.uniform(2 * i) * double(vocabulary));
  });
}

LogicalResult mixln::fillRandomly(Interpreter &interpreter, uint64_t seed) {
  ModuleOp module = interpreter.getModule();
  int64_t vocabulary = findVocabulary(module);
  for (auto variable : module.getOps<VariableOp>()) {
    StringRef name = variable.getSymName();
    NamedRandom random(seed, name);
    Array value;
    switch (variable.getRole()) {
    case Role::Parameter:
      value = randomParameter(variable, random);
      break;
    case Role::Gradient:
      value =
          generate(variable, [&](int64_t i) { return 0.1 * random.normal(i); });
      break;
    case Role::Moment:
      // Second moments are squares.
      value = generate(variable, [&](int64_t i) {
        double moment = 0.1 * random.normal(i);
        return name.starts_with("adam_v.") ? moment * moment : moment;
      });
      break;
    case Role::Input:
      value = randomInput(variable, random, vocabulary);
      break;
    case Role::Scalar:
      value = generate(variable,
                       [&](int64_t) { return randomScalar(name, random); });
      break;
    case Role::Constant:
      value =
          variable.getInitAttr()
              ? initialValue(variable, variable.getInitAttr(), seed)
              : generate(variable, [&](int64_t i) { return random.normal(i); });
      break;
    case Role::Cache:
      value = generate(variable, [&](int64_t i) { return random.normal(i); });
      break;
    case Role::Output:
    case Role::Packed:
      continue;
    }
    if (failed(interpreter.setVariable(name, std::move(value))))
      return failure();
  }
  return setTokenOrder(interpreter);
}

LogicalResult mixln::setTokenOrder(Interpreter &interpreter) {
  if (!interpreter.hasVariable("input_ids") ||
      !interpreter.isWritten("input_ids"))
    return success();
  Array ids = interpreter.getVariable("input_ids");
  int64_t rows = ids.getNumElements();
  Array order = Array::undefined({rows}),
        starts = Array::full({rows + 1}, rows);
  for (int64_t i = 0; i < rows; ++i)
    order.data[i] = double(i);
  llvm::sort(order.data, [&](double a, double b) {
    return std::make_pair(ids.data[int64_t(a)], a) <
           std::make_pair(ids.data[int64_t(b)], b);
  });
  int64_t runs = 0;
  for (int64_t i = 0; i < rows; ++i)
    if (i == 0 || ids.data[int64_t(order.data[i])] !=
                      ids.data[int64_t(order.data[i - 1])])
      starts.data[runs++] = double(i);
  if (interpreter.hasVariable("token_order") &&
      failed(interpreter.setVariable("token_order", std::move(order))))
    return failure();
  if (interpreter.hasVariable("segment_starts") &&
      failed(interpreter.setVariable("segment_starts", std::move(starts))))
    return failure();
  return success();
}
