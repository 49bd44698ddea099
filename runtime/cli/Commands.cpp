//===- Commands.cpp - Which command runs ----------------------------------===//

#include "cli/Commands.h"
#include "cli/Flags.h"
#include "device/CpuFeatures.h"
#include "support/Errors.h"
#include "support/Terminal.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <new>

using namespace mixln::rt;

namespace {

struct Command {
  const char *name;
  const char *help;
  int (*run)(const Executable &, const Arguments &);
  bool runsKernels;
};

const Command commands[] = {
    {"train", "train the model", trainCommand, true},
    {"eval", "mean loss over given text, as one JSON line", evalCommand, true},
    {"replay", "updates on one recorded batch", replayCommand, true},
    {"batches", "the rows of each update, as a file", batchesCommand, false},
    {"info", "what was compiled into this executable", infoCommand, false},
    {"layers",
     "gradients, streams and angles of every layer, and the loss without it",
     layersCommand, true},
    {"generate", "text that goes on from a prompt", generateCommand, true},
    {"remove-layer", "a checkpoint without one of its layers",
     removeLayerCommand, false},
    {"export", "a checkpoint as a folder for other programs", exportCommand,
     false},
};

} // namespace

static void printHelp(const Executable &executable, std::FILE *to) {
  std::string name = std::filesystem::path(executable.name).filename();
  std::fprintf(to, "usage: %s COMMAND [--flag VALUE ...]\n\n", name.c_str());
  for (const Command &command : commands)
    std::fprintf(to, "  %-13s %s\n", command.name, command.help);
  std::fprintf(to, "\n%s COMMAND --help lists the flags of a command.\n",
               name.c_str());
}

static const Command &findCommand(const std::string &name) {
  std::string spelled = name;
  std::replace(spelled.begin(), spelled.end(), '_', '-');
  std::vector<std::string> known;
  for (const Command &command : commands) {
    if (spelled == command.name)
      return command;
    known.push_back(command.name);
  }
  std::string meant = nearest(name, known);
  badInput("unknown command '", name, "'",
           meant.empty() ? "; --help lists the commands"
                         : "; did you mean " + meant + "?");
}

void mixln::rt::checkCpu(const Program &program) {
  std::vector<std::string> missing = missingCpuFeatures(program.cpuFeatures);
  if (missing.empty())
    return;
  std::string names;
  for (const std::string &name : missing)
    names += (names.empty() ? "" : ", ") + name;
  badInput("this executable was compiled for ", program.cpu, "; this CPU (",
           cpuModelName(), ") lacks ", names, "; compile with --mcpu for it");
}

static int dispatchCommand(const Executable &executable,
                           const Arguments &arguments) {
  if (arguments.empty()) {
    printHelp(executable, stderr);
    return ExitBadInput;
  }
  if (arguments[0] == "--help" || arguments[0] == "-h" ||
      arguments[0] == "help") {
    printHelp(executable, stdout);
    return ExitDone;
  }
  if (arguments[0] == "--version") {
    std::printf("mixln %s, compiled by %s\n", MIXLN_VERSION,
                executable.program.compiler.c_str());
    return ExitDone;
  }
  const Command &command = findCommand(arguments[0]);
  if (command.runsKernels)
    checkCpu(executable.program);
  return command.run(executable,
                     Arguments(arguments.begin() + 1, arguments.end()));
}

int mixln::rt::runExecutable(const Executable &executable,
                             const Arguments &arguments) {
  try {
    int status = dispatchCommand(executable, arguments);
    if (status == ExitDone)
      finishStandardOutput();
    return status;
  } catch (const InputError &error) {
    note(cat("error: ", error.what()));
    return ExitBadInput;
  } catch (const std::bad_alloc &) {
    note("error: out of memory");
    return ExitFailed;
  } catch (const std::exception &error) {
    note(cat("error: ", error.what()));
    return ExitFailed;
  }
}
