//===- mixlnc.cpp - Compiles a model into a training executable -----------===//

#include "mixln/Pipelines/CompileFlags.h"
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

static int usage(const Twine &message) {
  errs() << "mixlnc: " << message << " (see mixlnc --help)\n";
  return 2;
}

int main(int argc, char **argv) {
  InitLLVM init(argc, argv);
  CompileOptions options;
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
    std::string name = canonicalFlag(argument);
    if (argument == "-o" || name.rfind("output", 0) == 0) {
      if (i + 1 == arguments.size())
        return usage("-o lacks its value EXE");
      options.output = arguments[++i];
    } else if (!argument.starts_with("-")) {
      if (!options.input.empty())
        return usage("two inputs: " + options.input + " and " + argument);
      options.input = argument.str();
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
      for (const CompileFlag &flag : getCompileFlags())
        names.push_back(flag.name);
      auto near = nearestName(name, names);
      return usage("unknown flag " + argument +
                   (near ? ", did you mean --" + *near + "?" : ""));
    }
  }
  if (options.input.empty())
    return usage("no input: give a config (JSON) or IR (.mlir)");
  return compile(options);
}
