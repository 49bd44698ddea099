//===- mixln-run.cpp - Executes entries with the interpreter --------------===//

#include "mixln/Frontend/ReadModule.h"
#include "mixln/IR/Mixln.h"
#include "mixln/Interpreter/Compare.h"
#include "mixln/Interpreter/Files.h"
#include "mixln/Interpreter/FiniteDifferences.h"
#include "mixln/Interpreter/Inputs.h"
#include "mixln/Pipelines/CheckNorm.h"
#include "mixln/Pipelines/CompileFlags.h"
#include "mixln/Pipelines/Registry.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/SourceMgr.h"

#include <optional>

using namespace mlir;
using namespace mixln;

namespace {
struct Options {
  std::string module, compare, outputs;
  std::vector<std::string> entries, inputs, sets;
  uint64_t seed = 1;
  int64_t samples = 6;
  double step = 1e-5;
  std::optional<double> tolerance;
  CheckNormOptions check;
  CheckModelOptions model;
  bool randomInputs = false, finiteDifferences = false, f64 = false,
       help = false;
};

/// A flag with a value (`set` takes it and says whether it was a good one), or
/// a switch.
struct Flag {
  StringRef name, placeholder, help;
  std::function<bool(StringRef)> set;
};
} // namespace

static constexpr int kFailed = 1, kBadInput = 2;

//===----------------------------------------------------------------------===//
// Flags
//===----------------------------------------------------------------------===//

static std::vector<Flag> makeFlags(Options &options) {
  auto text = [](std::string &target) {
    return [&](StringRef value) {
      target = value.str();
      return true;
    };
  };
  auto list = [](std::vector<std::string> &target) {
    return [&](StringRef value) {
      target.push_back(value.str());
      return true;
    };
  };
  auto count = [](int64_t &target, int64_t least) {
    return [&target, least](StringRef value) {
      return !value.getAsInteger(10, target) && target >= least;
    };
  };
  auto turnOn = [](bool &target) {
    return [&](StringRef) { return target = true; };
  };
  return {
      {"entry", "NAME", "run this entry; may be given again",
       list(options.entries)},
      {"inputs", "FILE.safetensors",
       "set the variables that its tensors name; may be given again",
       list(options.inputs)},
      {"set", "NAME=VALUE",
       "set every element of a variable; NAME* sets all that start so",
       list(options.sets)},
      {"random-inputs", "", "fill every variable that an entry reads",
       turnOn(options.randomInputs)},
      {"seed", "N", "of random inputs and initial values (1)",
       [&](StringRef v) { return !v.getAsInteger(10, options.seed); }},
      {"outputs", "FILE.safetensors", "write gradients, outputs and parameters",
       text(options.outputs)},
      {"f64", "", "write outputs in double precision", turnOn(options.f64)},
      {"compare", "OTHER.mlir",
       "run the entries of both modules and compare all variables",
       text(options.compare)},
      {"finite-differences", "",
       "hold the gradients of --entry (gradient) against the entry loss",
       turnOn(options.finiteDifferences)},
      {"step", "H", "of finite differences (1e-5)",
       [&](StringRef v) {
         return !v.getAsDouble(options.step) && options.step > 0;
       }},
      {"samples", "N", "elements of each parameter that are moved (6)",
       [&](StringRef v) {
         return !v.getAsInteger(10, options.samples) && options.samples >= 0;
       }},
      {"tolerance", "X",
       "largest relative error (1e-10; finite differences: 1e-6)",
       [&](StringRef v) {
         options.tolerance = 0;
         return !v.getAsDouble(*options.tolerance) && *options.tolerance >= 0;
       }},
      {"check", "SPEC",
       "check a placement: gradients against differences, kernels against the "
       "interpreter",
       text(options.check.norm)},
      {"check-kernels", "CONFIG.json",
       "hold every distinct kernel of a model, at its real shape, against the "
       "interpreter on sampled rows",
       text(options.model.config)},
      {"norm", "SPEC", "placement, with --check-kernels",
       text(options.model.norm)},
      {"norm-kind", "KIND", "norm of all sites, with --check, --check-kernels",
       text(options.model.normKind)},
      {"post-num", "K", "K of the preset, with --check, --check-kernels",
       count(options.model.postNum, 0)},
      {"batch-size", "B", "sequences, with --check-kernels (8)",
       count(options.model.batchSize, 1)},
      {"seq-len", "T", "tokens of a sequence, with --check-kernels (256)",
       count(options.model.seqLen, 1)},
      {"chunk-rows", "N",
       "compute the loss head in chunks of so many rows, with --check-kernels",
       count(options.model.chunkRows, 1)},
      {"mcpu", "NAME",
       "CPU of the kernels, with --check, --check-kernels "
       "(native)",
       text(options.model.cpu)},
      {"help", "", "print this", turnOn(options.help)},
  };
}

static void printHelp(ArrayRef<Flag> flags) {
  llvm::outs() << "usage: mixln-run MODULE.mlir --entry NAME [flags]\n"
                  "       mixln-run --check SPEC\n"
                  "       mixln-run --check-kernels CONFIG.json [--norm SPEC]"
                  "\n\n"
                  "Executes entries in double precision.\n\n";
  for (const Flag &flag : flags)
    llvm::outs() << llvm::formatv("  {0,-28}{1}\n",
                                  ("--" + flag.name +
                                   (flag.placeholder.empty() ? "" : " ") +
                                   flag.placeholder)
                                      .str(),
                                  flag.help);
  llvm::outs() << "\nExit status: 1 where numbers differ, 2 for bad input.\n";
}

static int usage(const Twine &message) {
  llvm::errs() << "mixln-run: " << message << " (see mixln-run --help)\n";
  return kBadInput;
}

/// Fills `options` from `arguments`; 0 or an exit status.
static int parseFlags(ArrayRef<StringRef> arguments, ArrayRef<Flag> flags,
                      Options &options) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    StringRef argument = arguments[i];
    if (!argument.consume_front("-")) {
      if (!options.module.empty())
        return usage("two modules: " + options.module + " and " + argument);
      options.module = argument.str();
      continue;
    }
    argument.consume_front("-");
    auto [given, value] = argument.split('=');
    std::string name = canonicalFlag(given);
    std::replace(name.begin(), name.end(), '_', '-');
    const Flag *flag = llvm::find_if(
        flags, [&](const Flag &flag) { return flag.name == name; });
    if (flag == flags.end()) {
      const Flag *near = llvm::min_element(flags, [&](auto &a, auto &b) {
        return StringRef(name).edit_distance(a.name) <
               StringRef(name).edit_distance(b.name);
      });
      return usage("unknown flag --" + given + ", did you mean --" +
                   near->name + "?");
    }
    if (!flag->placeholder.empty() && !argument.contains('=')) {
      if (i + 1 == arguments.size())
        return usage("--" + flag->name + " lacks its value " +
                     flag->placeholder);
      value = arguments[++i];
    }
    if (!flag->set(value))
      return usage("--" + flag->name + " is '" + value + "', expected " +
                   flag->placeholder);
  }
  if (options.help || !options.check.norm.empty() ||
      !options.model.config.empty())
    return 0;
  if (options.module.empty())
    return usage("no module: give an .mlir file");
  if (options.entries.empty() && !options.finiteDifferences)
    return usage("no entry: give --entry NAME");
  if (options.finiteDifferences && options.entries.size() > 1)
    return usage("--finite-differences takes one --entry");
  if (options.finiteDifferences && !options.compare.empty())
    return usage("--finite-differences and --compare exclude each other");
  return 0;
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

/// `NAME=VALUE`, `NAME*=VALUE`.
static LogicalResult setByFlag(Interpreter &interpreter, StringRef text) {
  auto [name, number] = text.rsplit('=');
  double value;
  if (number.getAsDouble(value)) {
    usage("--set is '" + text + "', expected NAME=VALUE");
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
    usage("--set " + text + ": the module has no such variable");
  return success(found);
}

static LogicalResult setUp(Interpreter &interpreter, const Options &options) {
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
  if (failed(setTokenOrder(interpreter)))
    return failure();
  return setDefaultLossScale(interpreter);
}

static LogicalResult setUpAndRun(Interpreter &interpreter,
                                 const Options &options) {
  if (failed(setUp(interpreter, options)))
    return failure();
  for (StringRef entry : options.entries)
    if (failed(interpreter.run(entry)))
      return failure();
  return success();
}

static int compareWith(ModuleOp other, Interpreter &interpreter,
                       const Options &options) {
  Interpreter second(other);
  if (failed(setUpAndRun(second, options)))
    return kBadInput;
  double tolerance = options.tolerance.value_or(1e-10);
  std::vector<VariableError> errors = compareVariables(interpreter, second);
  if (errors.empty())
    return usage("the entries write no variable to compare");
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

static int differentiate(Interpreter &interpreter, const Options &options) {
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
    return usage("the module has no parameter with a gradient");
  return bad ? kFailed : 0;
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  Options options;
  std::vector<Flag> flags = makeFlags(options);
  SmallVector<StringRef> arguments(argv + 1, argv + argc);
  if (int status = parseFlags(arguments, flags, options))
    return status;
  if (options.help) {
    printHelp(flags);
    return 0;
  }

  if (!options.check.norm.empty()) {
    options.check.normKind = options.model.normKind;
    options.check.postNum = options.model.postNum;
    options.check.cpu = options.model.cpu;
    options.check.seed = options.seed;
    options.check.tolerance = options.tolerance.value_or(1e-6);
    return checkNorm(options.check, llvm::outs());
  }
  if (!options.model.config.empty()) {
    options.model.seed = options.seed;
    options.model.tolerance = options.tolerance.value_or(1e-5);
    return checkModelKernels(options.model, llvm::outs());
  }

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
