//===- Check.cpp - Finding out what is wrong before hours have passed -----===//

#include "mixln/Sweep/Check.h"
#include "checkpoint/OutputFile.h"
#include "mixln/Sweep/Commands.h"

#include <nlohmann/json.hpp>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>
#include <sys/wait.h>

using namespace mixln::sweep;
using nlohmann::ordered_json;
namespace fs = std::filesystem;

/// Runs a shell line and takes what it prints; returns its exit status.
static int capture(const std::string &line, std::string &output) {
  std::FILE *pipe = popen((line + " 2>&1").c_str(), "re");
  if (!pipe)
    return 127;
  std::array<char, 4096> part;
  for (size_t n; (n = std::fread(part.data(), 1, part.size(), pipe)) > 0;)
    output.append(part.data(), n);
  int status = pclose(pipe);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

bool mixln::sweep::checkRuns(const std::string &trainer, Sweep &sweep,
                             std::string &error) {
  for (RunPlan &run : sweep.runs) {
    Command command = trainCommand(trainer, sweep, run);
    command.words.push_back("--print");
    std::string output;
    int status = capture(shellLine(command), output);
    while (!output.empty() && output.back() == '\n')
      output.pop_back();
    // Notes may stand before the object.
    size_t brace = output.find("{\n");
    auto flags = ordered_json::parse(
        brace == std::string::npos ? output : output.substr(brace), nullptr,
        false);
    if (status != 0 || !flags.is_object()) {
      error = run.name + ": " + output;
      return false;
    }
    auto steps = flags["run"].value("num_training_steps", std::string("0"));
    run.steps = std::strtod(steps.c_str(), nullptr);
  }
  return true;
}

//===----------------------------------------------------------------------===//
// sweep.json
//===----------------------------------------------------------------------===//

static std::string memoryOf(const Sweep &sweep) {
  return sweep.out + "/sweep.json";
}

static ordered_json readMemory(const Sweep &sweep) {
  std::ifstream in(memoryOf(sweep), std::ios::binary);
  auto memory = ordered_json::parse(in, nullptr, false);
  if (!memory.is_object() || !memory.contains("runs") ||
      !memory["runs"].is_object())
    return ordered_json::object();
  return memory["runs"];
}

/// Flags that change no number.
static bool isFree(const std::string &name) {
  static const std::set<std::string> names = {
      "threads",   "workers",  "save_every", "save_at",
      "keep_last", "run_name", "name",       "tags"};
  return names.count(name) != 0;
}

static ordered_json flagsJson(const RunPlan &run) {
  ordered_json flags = ordered_json::object();
  for (auto &[name, value] : run.flags)
    if (!isFree(name))
      flags[name] = value;
  return flags;
}

bool mixln::sweep::checkRemembered(const Sweep &sweep, std::string &error) {
  ordered_json memory = readMemory(sweep);
  for (const RunPlan &run : sweep.runs) {
    std::error_code code;
    if (!memory.contains(run.name) ||
        !fs::exists(folderOf(sweep, run) + "/run.json", code))
      continue;
    ordered_json before = memory[run.name], now = flagsJson(run);
    ordered_json all = before;
    all.update(now);
    for (auto &[name, ignored] : all.items()) {
      std::string was = before.value(name, std::string("absent")),
                  is = now.value(name, std::string("absent"));
      if (was == is)
        continue;
      error = folderOf(sweep, run) + " was begun with --" + name + " " + was +
              ", the sweep says " + is +
              ": choose another --out, or remove the folder";
      return false;
    }
  }
  return true;
}

void mixln::sweep::remember(const Sweep &sweep) {
  ordered_json runs = readMemory(sweep);
  for (const RunPlan &run : sweep.runs)
    runs[run.name] = flagsJson(run);
  rt::OutputFile file(memoryOf(sweep));
  file.write(ordered_json{{"format", 1}, {"runs", runs}}.dump(1) + "\n");
  file.commit();
}
