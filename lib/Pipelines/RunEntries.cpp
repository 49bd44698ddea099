//===- RunEntries.cpp - Entries in the interpreter ------------------------===//

#include "mixln/Pipelines/RunEntries.h"

#include "mixln/Frontend/ReadModule.h"
#include "mixln/IR/Mixln.h"
#include "mixln/Interpreter/Compare.h"
#include "mixln/Interpreter/Files.h"
#include "mixln/Interpreter/FiniteDifferences.h"
#include "mixln/Interpreter/Inputs.h"
#include "mixln/Pipelines/Registry.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using namespace mixln;

static constexpr int kFailed = 1, kBadInput = 2;

static int report(const Twine &message) {
  llvm::errs() << "mixln-run: " << message << "\n";
  return kBadInput;
}

/// `NAME=VALUE`, `NAME*=VALUE`.
static LogicalResult setByFlag(Interpreter &interpreter, StringRef text) {
  auto [name, number] = text.rsplit('=');
  double value;
  if (number.getAsDouble(value)) {
    report("--set is '" + text + "', expected NAME=VALUE");
    return failure();
  }
  bool isPrefix = name.consume_back("*"), found = false;
  for (auto variable : interpreter.getModule().getOps<VariableOp>()) {
    StringRef symbol = variable.getSymName();
    if (isPrefix ? !symbol.starts_with(name) : symbol != name)
      continue;
    found = true;
    auto type = cast<RankedTensorType>(variable.getType());
    if (failed(interpreter.setVariable(symbol,
                                       Array::full(type.getShape(), value))))
      return failure();
  }
  if (!found)
    report("--set " + text + ": the module has no such variable");
  return success(found);
}

static LogicalResult setUp(Interpreter &interpreter,
                           const RunOptions &options) {
  if (failed(options.randomInputs
                 ? fillRandomly(interpreter, options.seed)
                 : initializeVariables(interpreter, options.seed)))
    return failure();
  for (StringRef path : options.inputs) {
    if (llvm::Error error = loadVariables(interpreter, path)) {
      llvm::errs() << "mixln-run: " << llvm::toString(std::move(error)) << "\n";
      return failure();
    }
  }
  for (StringRef text : options.sets)
    if (failed(setByFlag(interpreter, text)))
      return failure();
  if (failed(setTokenOrder(interpreter)) ||
      failed(setDefaultLossScale(interpreter)))
    return failure();
  // As the runtime does when the parameters are there.
  bool hasPacked = llvm::any_of(
      interpreter.getModule().getOps<VariableOp>(),
      [](VariableOp variable) { return variable.getRole() == Role::Packed; });
  return hasPacked ? interpreter.run("prepare") : success();
}

static LogicalResult setUpAndRun(Interpreter &interpreter,
                                 const RunOptions &options) {
  if (failed(setUp(interpreter, options)))
    return failure();
  for (StringRef entry : options.entries)
    if (failed(interpreter.run(entry)))
      return failure();
  return success();
}

static int compareWith(ModuleOp other, Interpreter &interpreter,
                       const RunOptions &options) {
  Interpreter second(other);
  if (failed(setUpAndRun(second, options)))
    return kBadInput;
  double tolerance = options.tolerance.value_or(1e-10);
  std::vector<VariableError> errors = compareVariables(interpreter, second);
  if (errors.empty())
    return report("the entries write no variable to compare");
  int status = 0;
  for (const VariableError &error : errors) {
    if (error.error <= tolerance)
      break;
    status = kFailed;
    llvm::outs() << "differs: " << error.name << " "
                 << llvm::format("%.3g", error.error)
                 << (error.reason.empty() ? "" : ": ") << error.reason << "\n";
  }
  llvm::outs() << errors.size() << " variables compared, worst "
               << errors.front().name << " "
               << llvm::format("%.3g", errors.front().error) << ", tolerance "
               << llvm::format("%.3g", tolerance) << "\n";
  return status;
}

static int differentiate(Interpreter &interpreter, const RunOptions &options) {
  FiniteDifferenceOptions differences;
  if (!options.entries.empty())
    differences.gradientEntry = options.entries.front();
  differences.step = options.step;
  differences.samples = options.samples;
  differences.seed = options.seed;
  if (failed(setUp(interpreter, options)))
    return kBadInput;
  FailureOr<std::vector<FiniteDifference>> found =
      checkFiniteDifferences(interpreter, differences);
  if (failed(found))
    return kBadInput;
  double tolerance = options.tolerance.value_or(1e-6);
  int64_t bad = 0;
  for (const FiniteDifference &difference : *found) {
    bool isGood = difference.error <= tolerance;
    bad += !isGood;
    llvm::outs() << (isGood ? "agrees: " : "differs: ") << difference.parameter
                 << llvm::format(" %.3g", difference.error) << "\n";
  }
  llvm::outs() << found->size() << " gradients held against differences, "
               << bad << " differ, tolerance "
               << llvm::format("%.3g", tolerance) << "\n";
  if (found->empty())
    return report("the module has no parameter with a gradient");
  return bad ? kFailed : 0;
}

int mixln::runEntries(const RunOptions &options) {
  MLIRContext context(makeRegistry(), MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  llvm::SourceMgr sources;
  SourceMgrDiagnosticHandler handler(sources, &context);
  OwningOpRef<ModuleOp> module = readModule(options.module, &context);
  if (!module)
    return kBadInput;
  OwningOpRef<ModuleOp> other;
  if (!options.compare.empty() &&
      !(other = readModule(options.compare, &context)))
    return kBadInput;

  Interpreter interpreter(*module);
  if (options.finiteDifferences) {
    if (int status = differentiate(interpreter, options))
      return status;
  } else if (failed(setUpAndRun(interpreter, options))) {
    return kBadInput;
  }
  if (!options.outputs.empty()) {
    if (llvm::Error error =
            saveVariables(interpreter, options.outputs, options.f64)) {
      llvm::errs() << "mixln-run: " << llvm::toString(std::move(error)) << "\n";
      return kBadInput;
    }
  }
  return other ? compareWith(*other, interpreter, options) : 0;
}
