//===- Commands.h - The commands of a run -----------------------*- C++ -*-===//

#ifndef MIXLN_SWEEP_COMMANDS_H
#define MIXLN_SWEEP_COMMANDS_H

#include "mixln/Sweep/SweepFile.h"

#include <string>
#include <vector>

namespace mixln::sweep {

struct Command {
  std::vector<std::string> words;
  std::string output;       ///< the file that shows that it was done
  bool takesOutput = false; ///< that file is its standard output
  std::string what;         ///< "evaluation on books"
};

/// Where a run of the sweep lies.
std::string folderOf(const Sweep &sweep, const RunPlan &run);

/// mixln-train for the run: begins it, or goes on with it.
Command trainCommand(const std::string &trainer, const Sweep &sweep,
                     const RunPlan &run);

/// What comes after the training: further evaluations, layers.
std::vector<Command> commandsAfter(const Sweep &sweep, const RunPlan &run);

/// A command line of a POSIX shell.
std::string shellLine(const Command &command);

/// The flags that fix the executable, as one text.
std::string compiledStep(const RunPlan &run);

} // namespace mixln::sweep

#endif // MIXLN_SWEEP_COMMANDS_H
