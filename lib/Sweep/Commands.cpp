//===- Commands.cpp - The commands of a run -------------------------------===//

#include "mixln/Sweep/Commands.h"
#include "mixln/Pipelines/CompileFlags.h"

#include "llvm/ADT/StringRef.h"

using namespace mixln::sweep;

std::string mixln::sweep::folderOf(const Sweep &sweep, const RunPlan &run) {
  return sweep.out + "/" + run.name;
}

Command mixln::sweep::trainCommand(const std::string &trainer,
                                   const Sweep &sweep, const RunPlan &run) {
  Command command;
  command.words = {trainer};
  for (std::string &word : argumentsOf(run.flags))
    command.words.push_back(std::move(word));
  command.words.insert(command.words.end(),
                       {"--save_dir", folderOf(sweep, run), "--resume"});
  command.what = "training";
  return command;
}

std::vector<Command> mixln::sweep::commandsAfter(const Sweep &sweep,
                                                 const RunPlan &run) {
  std::vector<Command> commands;
  std::string folder = folderOf(sweep, run);
  for (auto &[name, flags] : sweep.evaluations) {
    Command command;
    command.words = {folder + "/exe", "eval"};
    for (std::string &word : argumentsOf(flags))
      command.words.push_back(std::move(word));
    command.output = folder + "/eval-" + name + ".json";
    command.takesOutput = true;
    command.what = "evaluation on " + name;
    commands.push_back(std::move(command));
  }
  if (!sweep.measuresLayers)
    return commands;
  Command command;
  command.words = {folder + "/exe", "layers"};
  for (std::string &word : argumentsOf(sweep.layers))
    command.words.push_back(std::move(word));
  command.output = folder + "/layers.json";
  command.words.insert(command.words.end(), {"--out", command.output});
  command.what = "layers";
  commands.push_back(std::move(command));
  return commands;
}

static std::string quoted(llvm::StringRef word) {
  if (!word.empty() && word.find_first_not_of(
                           "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVW"
                           "XYZ0123456789_-+=.,/:@%") == llvm::StringRef::npos)
    return word.str();
  std::string out = "'";
  for (char c : word)
    out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string mixln::sweep::shellLine(const Command &command) {
  std::string line;
  for (const std::string &word : command.words)
    line += (line.empty() ? "" : " ") + quoted(word);
  if (command.takesOutput)
    line += " > " + quoted(command.output + ".part") + " && mv " +
            quoted(command.output + ".part") + " " + quoted(command.output);
  return line;
}

std::string mixln::sweep::compiledStep(const RunPlan &run) {
  std::string key;
  for (auto &[name, value] : run.flags)
    if (findCompileFlag(name))
      key += "--" + name + "=" + value + "\n";
  return key;
}
