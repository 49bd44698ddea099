//===- mixln-run.cpp - Executes entries with the interpreter --------------===//

#include "mixln/Pipelines/CheckNorm.h"
#include "mixln/Pipelines/CompileFlags.h"
#include "mixln/Pipelines/RunEntries.h"
#include "mixln/Support/NearestName.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/raw_ostream.h"

#include <functional>

using namespace llvm;
using namespace mixln;

namespace {
struct Options {
  RunOptions run;
  std::string checkedNorm, checkedModel;
  /// Of the model that is checked.
  CompileOptions model;
  bool help = false;
};

/// A flag with a value, or a switch. `set` returns what is wrong, or nothing.
struct Flag {
  std::string name;
  StringRef placeholder;
  std::string help;
  std::function<std::string(StringRef)> set;
};
} // namespace

static constexpr int kBadInput = 2;

//===----------------------------------------------------------------------===//
// Flags
//===----------------------------------------------------------------------===//

static std::vector<Flag> makeFlags(Options &options) {
  auto text = [](std::string &target) {
    return [&](StringRef value) {
      target = value.str();
      return std::string();
    };
  };
  auto list = [](std::vector<std::string> &target) {
    return [&](StringRef value) {
      target.push_back(value.str());
      return std::string();
    };
  };
  auto turnOn = [](bool &target) {
    return [&](StringRef) {
      target = true;
      return std::string();
    };
  };
  auto expect = [](bool good, StringRef value, const char *expected) {
    return good ? std::string()
                : "is '" + value.str() + "', expected " + expected;
  };
  RunOptions &run = options.run;
  std::vector<Flag> flags = {
      {"entry", "NAME", "run this entry; may be given again",
       list(run.entries)},
      {"inputs", "FILE.safetensors",
       "set the variables that its tensors name; may be given again",
       list(run.inputs)},
      {"set", "NAME=VALUE",
       "set every element of a variable; NAME* sets all that start so",
       list(run.sets)},
      {"random-inputs", "", "fill every variable that an entry reads",
       turnOn(run.randomInputs)},
      {"seed", "N", "of random inputs and initial values (1)",
       [&](StringRef v) {
         return expect(!v.getAsInteger(10, run.seed), v, "a whole number");
       }},
      {"outputs", "FILE.safetensors", "write gradients, outputs and parameters",
       text(run.outputs)},
      {"f64", "", "write outputs in double precision", turnOn(run.f64)},
      {"compare", "OTHER.mlir",
       "run the entries of both modules and compare all variables",
       text(run.compare)},
      {"finite-differences", "",
       "hold the gradients of --entry (gradient) against the entry loss",
       turnOn(run.finiteDifferences)},
      {"step", "H", "of finite differences (1e-5)",
       [&](StringRef v) {
         return expect(!v.getAsDouble(run.step) && run.step > 0, v,
                       "a positive number");
       }},
      {"samples", "N", "elements of each parameter that are moved (6)",
       [&](StringRef v) {
         return expect(!v.getAsInteger(10, run.samples) && run.samples >= 0, v,
                       "a whole number");
       }},
      {"tolerance", "X",
       "largest relative error (1e-10; finite differences: 1e-6)",
       [&](StringRef v) {
         run.tolerance = 0;
         return expect(!v.getAsDouble(*run.tolerance) && *run.tolerance >= 0, v,
                       "a number that is not negative");
       }},
      {"check", "SPEC",
       "check a placement: gradients against differences, kernels against the "
       "interpreter",
       text(options.checkedNorm)},
      {"check-kernels", "CONFIG.json",
       "hold every distinct kernel of a model, at its real shape, against the "
       "interpreter on sampled rows",
       text(options.checkedModel)},
  };
  // What mixlnc has too is told in its words.
  for (StringRef name : {"norm", "norm_kind", "post_num", "batch_size",
                         "seq_len", "chunk_rows", "dtype", "mcpu"}) {
    const CompileFlag *flag = findCompileFlag(name);
    bool ofNorm = name == "norm_kind" || name == "post_num" || name == "mcpu";
    std::string spelled = name.str();
    std::replace(spelled.begin(), spelled.end(), '_', '-');
    flags.push_back({spelled, flag->placeholder,
                     "with " + std::string(ofNorm ? "--check, " : "") +
                         "--check-kernels: " + flag->help.str(),
                     [&options, flag](StringRef value) {
                       return flag->set(options.model, value);
                     }});
  }
  flags.push_back({"help", "", "print this", turnOn(options.help)});
  return flags;
}

static void printHelp(ArrayRef<Flag> flags) {
  outs() << "usage: mixln-run MODULE.mlir --entry NAME [flags]\n"
            "       mixln-run --check SPEC\n"
            "       mixln-run --check-kernels CONFIG.json [--norm SPEC]"
            "\n\n"
            "Executes entries in double precision.\n\n";
  for (const Flag &flag : flags)
    outs() << formatv("  {0,-28}{1}\n",
                      "--" + flag.name + (flag.placeholder.empty() ? "" : " ") +
                          flag.placeholder.str(),
                      flag.help);
  outs() << "\nExit status: 1 where numbers differ, 2 for bad input.\n";
}

static int usage(const Twine &message) {
  errs() << "mixln-run: " << message << " (see mixln-run --help)\n";
  return kBadInput;
}

/// Fills `options` from `arguments`; 0 or an exit status.
static int parseFlags(ArrayRef<StringRef> arguments, ArrayRef<Flag> flags,
                      Options &options) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    StringRef argument = arguments[i];
    if (!argument.consume_front("-")) {
      if (!options.run.module.empty())
        return usage("two modules: " + options.run.module + " and " + argument);
      options.run.module = argument.str();
      continue;
    }
    argument.consume_front("-");
    auto [given, value] = argument.split('=');
    std::string name = canonicalFlag(given);
    std::replace(name.begin(), name.end(), '_', '-');
    const Flag *flag =
        find_if(flags, [&](const Flag &flag) { return flag.name == name; });
    if (flag == flags.end()) {
      SmallVector<StringRef> names;
      for (const Flag &known : flags)
        names.push_back(known.name);
      auto near = nearestName(name, names);
      return usage("unknown flag --" + given +
                   (near ? ", did you mean --" + *near + "?" : ""));
    }
    if (!flag->placeholder.empty() && !argument.contains('=')) {
      if (i + 1 == arguments.size())
        return usage("--" + Twine(flag->name) + " lacks its value " +
                     flag->placeholder);
      value = arguments[++i];
    }
    if (std::string error = flag->set(value); !error.empty())
      return usage("--" + Twine(flag->name) + " " + error);
  }
  if (options.help || !options.checkedNorm.empty() ||
      !options.checkedModel.empty())
    return 0;
  const RunOptions &run = options.run;
  if (run.module.empty())
    return usage("no module: give an .mlir file");
  if (run.entries.empty() && !run.finiteDifferences)
    return usage("no entry: give --entry NAME");
  if (run.finiteDifferences && run.entries.size() > 1)
    return usage("--finite-differences takes one --entry");
  if (run.finiteDifferences && !run.compare.empty())
    return usage("--finite-differences and --compare exclude each other");
  return 0;
}

static int checkPlacement(const Options &options) {
  CheckNormOptions check;
  check.norm = options.checkedNorm;
  check.normKind = options.model.normKind;
  check.postNum = options.model.postNum.value_or(-1);
  check.cpu = options.model.cpu;
  check.seed = options.run.seed;
  check.tolerance = options.run.tolerance.value_or(check.tolerance);
  return checkNorm(check, outs());
}

static int checkModel(const Options &options) {
  CheckModelOptions check;
  check.config = options.checkedModel;
  check.norm = options.model.norm;
  check.normKind = options.model.normKind;
  check.postNum = options.model.postNum.value_or(-1);
  check.batchSize = options.model.batchSize;
  check.seqLen = options.model.seqLen;
  if (!options.model.dtype.empty())
    check.dtype = options.model.dtype;
  check.chunkRows = options.model.chunks.rows;
  check.cpu = options.model.cpu;
  check.seed = options.run.seed;
  check.tolerance = options.run.tolerance.value_or(check.tolerance);
  return checkModelKernels(check, outs());
}

int main(int argc, char **argv) {
  InitLLVM init(argc, argv);
  Options options;
  options.model.batchSize = 8;
  std::vector<Flag> flags = makeFlags(options);
  SmallVector<StringRef> arguments(argv + 1, argv + argc);
  if (int status = parseFlags(arguments, flags, options))
    return status;
  if (options.help) {
    printHelp(flags);
    return 0;
  }
  if (!options.checkedNorm.empty())
    return checkPlacement(options);
  if (!options.checkedModel.empty())
    return checkModel(options);
  return runEntries(options.run);
}
