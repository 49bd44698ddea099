//===- mixlnc.cpp - Compiles a model into a training executable -----------===//

#include "mixln/Pipelines/CompileFlags.h"
#include "mixln/Pipelines/Fit.h"
#include "mixln/Support/NearestName.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace mixln;

static void printHelp() {
  outs() << "usage: mixlnc CONFIG.json [--norm SPEC] --batch_size B [--seq_len "
            "T] -o EXE\n\n"
            "Compiles the training step of a transformer into one native "
            "executable.\n\n";
  for (const CompileFlag &flag : getCompileFlags())
    outs() << formatv("  {0,-28}{1}\n",
                      "--" + flag.name.str() + " " + flag.placeholder.str(),
                      flag.help);
  outs() << formatv("  {0,-28}{1}\n", "-o EXE",
                    "the executable, or the IR with --compile-to")
         << formatv("  {0,-28}{1}\n", "--fit BYTES",
                    "name the largest micro-batch that fits into so much "
                    "memory, without compiling")
         << formatv("  {0,-28}{1}\n", "--draw_memory FILE.svg",
                    "draw what lies in memory over a step and stop")
         << formatv("  {0,-28}{1}\n", "--explain",
                    "print what was understood of the placement and stop")
         << formatv("  {0,-28}{1}\n", "--print-python",
                    "print the model as a PyTorch file and stop")
         << formatv("  {0,-28}{1}\n", "--print-plan", "print the launch plan")
         << formatv("  {0,-28}{1}\n", "--remarks",
                    "say which row programs were joined, and why others not")
         << formatv("  {0,-28}{1}\n", "--verbose",
                    "print the time of each phase")
         << "\n'-' and '_' are interchangeable in flags.\n";
}

namespace {
struct ValuedFlag {
  StringRef name, shortName, placeholder;
};
} // namespace

/// Of mixlnc alone; those that fix an executable are getCompileFlags().
static constexpr ValuedFlag valued[] = {{"output", "-o", "EXE"},
                                        {"fit", "", "BYTES"},
                                        {"draw_memory", "", "FILE.svg"}};

static int usage(const Twine &message) {
  errs() << "mixlnc: " << message << " (see mixlnc --help)\n";
  return 2;
}

int main(int argc, char **argv) {
  InitLLVM init(argc, argv);
  CompileOptions options;
  int64_t fit = 0;
  options.toolPath =
      sys::fs::getMainExecutable(argv[0], reinterpret_cast<void *>(&printHelp));
  SmallVector<std::string> arguments(argv + 1, argv + argc);
  if (std::string error = takeCompileFlags(arguments, options); !error.empty())
    return usage(error);
  for (size_t i = 0; i < arguments.size(); ++i) {
    StringRef argument = arguments[i];
    if (argument == "-h" || argument == "--help") {
      printHelp();
      return 0;
    }
    std::string name = canonicalFlag(argument), value;
    StringRef spelled = StringRef(name).split('=').first;
    const auto *known = find_if(valued, [&](const ValuedFlag &flag) {
      return argument == flag.shortName || spelled == flag.name;
    });
    // --NAME=VALUE, or --NAME VALUE.
    if (argument.starts_with("-") && known != std::end(valued)) {
      name = known->name.str();
      bool isInline = argument.contains('=');
      if (!isInline && i + 1 == arguments.size())
        return usage(argument + " lacks its value " + known->placeholder);
      value = isInline ? argument.split('=').second.str() : arguments[++i];
      if (value.empty())
        return usage("--" + known->name + " needs a value, found an empty one");
    }
    if (!argument.starts_with("-")) {
      if (!options.input.empty())
        return usage("two inputs: " + options.input + " and " + argument);
      options.input = argument.str();
    } else if (name == "output") {
      options.output = value;
    } else if (name == "fit") {
      std::optional<int64_t> bytes = parseBytes(value);
      if (!bytes)
        return usage("--fit is '" + value +
                     "', expected a size such as 8GiB, 512MiB or 8G");
      fit = *bytes;
    } else if (name == "draw_memory") {
      options.drawMemory = value;
    } else if (name == "explain") {
      options.explain = true;
    } else if (name == "print_python") {
      options.printPython = true;
    } else if (name == "print_plan") {
      options.printPlan = true;
    } else if (name == "remarks") {
      options.remarks = true;
    } else if (name == "verbose") {
      options.verbose = true;
    } else {
      SmallVector<StringRef> names = {"explain", "print_plan", "print_python",
                                      "remarks", "verbose",    "help"};
      for (const ValuedFlag &flag : valued)
        names.push_back(flag.name);
      for (const CompileFlag &flag : getCompileFlags())
        names.push_back(flag.name);
      auto near = nearestName(name, names);
      return usage("unknown flag " + argument +
                   (near ? ", did you mean --" + *near + "?" : ""));
    }
  }
  if (options.input.empty())
    return usage("no input: give a config (JSON) or IR (.mlir)");
  if (options.autoBatch)
    return usage(
        "--batch_size is 'auto', which is for mixln-train; --fit BYTES "
        "names the largest that fits");
  if (fit > 0) {
    if (StringRef(options.input).ends_with(".mlir"))
      return usage(
          "--fit needs a config, not IR: the micro-batch is fixed in " +
          options.input);
    return printFit(options, fit, outs());
  }
  return compile(options);
}
