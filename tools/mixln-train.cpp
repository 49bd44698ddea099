//===- mixln-train.cpp - Compiles (once) and trains -----------------------===//

#include "mixln/Pipelines/Cache.h"
#include "mixln/Pipelines/ChooseBatch.h"
#include "mixln/Pipelines/CompileFlags.h"
#include "mixln/Pipelines/RunFlags.h"

#include "llvm/Support/Errno.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/raw_ostream.h"

#include <unistd.h>

using namespace llvm;
using namespace mixln;

static void printHelp() {
  outs() << "usage: mixln-train --model_config CONFIG.json [--norm SPEC] "
            "--batch_size B --data GLOB --tokenizer FILE --save_dir DIR ...\n\n"
            "Compiles the training step (once: executables are kept in "
            "MIXLN_CACHE_DIR) and trains.\n\n"
            "       mixln-train --rerun RUN [--save_dir DIR] ...\n\n"
            "Repeats a run with its own executable and flags.\n\n"
            "Fixed at compile time:\n";
  for (const CompileFlag &flag : getCompileFlags())
    outs() << formatv("  {0,-28}{1}\n",
                      "--" + flag.name.str() + " " + flag.placeholder.str(),
                      flag.help);
  outs() << formatv("\n  {0,-28}{1}\n", "--print",
                    "check all flags, the config and the placement, print them "
                    "as JSON, and stop")
         << formatv("  {0,-28}{1}\n", "--compile_only",
                    "print the path of the executable and stop");
  outs() << "\nAll other flags go to the executable; see EXE train --help.\n";
}

/// The value of --rerun, or nothing.
static std::string findRerun(ArrayRef<std::string> arguments) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    auto [spelled, value] = StringRef(arguments[i]).split('=');
    if (!spelled.starts_with("--") || canonicalFlag(spelled) != "rerun")
      continue;
    if (!value.empty())
      return value.str();
    return i + 1 < arguments.size() ? arguments[i + 1] : std::string();
  }
  return {};
}

static int fail(const Twine &message, int status = 2) {
  errs() << "mixln-train: " << message << "\n";
  return status;
}

/// Takes a switch out of `arguments`.
static bool takeSwitch(SmallVectorImpl<std::string> &arguments,
                       StringRef name) {
  size_t before = arguments.size();
  erase_if(arguments, [&](StringRef argument) {
    return argument.starts_with("--") && canonicalFlag(argument) == name;
  });
  return arguments.size() != before;
}

/// Goes over into the executable.
static int train(const std::string &executable,
                 ArrayRef<std::string> arguments) {
  std::vector<std::string> command = {executable, "train"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  std::vector<char *> pointers;
  for (std::string &word : command)
    pointers.push_back(word.data());
  pointers.push_back(nullptr);
  execv(executable.c_str(), pointers.data());
  return fail("cannot run " + executable + ": " + sys::StrError(errno), 1);
}

int main(int argc, char **argv) {
  InitLLVM init(argc, argv);
  CompileOptions options;
  options.batchSize = 0;
  options.toolPath =
      sys::fs::getMainExecutable(argv[0], reinterpret_cast<void *>(&printHelp));
  SmallVector<std::string> arguments(argv + 1, argv + argc);
  for (StringRef argument : arguments)
    if (argument == "--help" || argument == "-h") {
      printHelp();
      return 0;
    }
  if (std::string run = findRerun(arguments); !run.empty()) {
    if (!sys::fs::can_execute(run + "/exe"))
      return fail("--rerun " + run + ": it has no executable exe");
    return train(run + "/exe", arguments);
  }
  bool print = takeSwitch(arguments, "print");
  bool compileOnly = takeSwitch(arguments, "compile_only");
  SmallVector<std::string> given = arguments;
  if (std::string error = takeCompileFlags(arguments, options); !error.empty())
    return fail(error + " (see mixln-train --help)");
  if (options.input.empty())
    return fail("--model_config is missing (see mixln-train --help)");
  if (options.autoBatch)
    if (std::string error = chooseBatch(options, arguments, errs());
        !error.empty())
      return fail(error);
  if (options.batchSize == 0)
    return fail("--batch_size is missing (see mixln-train --help)");

  if (print) {
    std::string error, text = describeRun(given, arguments, options, error);
    if (!error.empty())
      return fail(error);
    outs() << text << "\n";
    return 0;
  }
  std::string executable, error;
  if (int status = compileCached(options, executable, error))
    return error.empty() ? status : fail(error);
  if (compileOnly) {
    outs() << executable << "\n";
    return 0;
  }
  return train(executable, arguments);
}
