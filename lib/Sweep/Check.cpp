//===- Check.cpp - Finding out what is wrong before hours have passed -----===//

#include "mixln/Sweep/Check.h"
#include "Afterwards.h"
#include "Placement.h"
#include "checkpoint/OutputFile.h"
#include "mixln-rt/json-nesting.h"
#include "mixln/Report/Compare.h"
#include "mixln/Report/RunKeys.h"
#include "mixln/Sweep/Commands.h"

#include <nlohmann/json.hpp>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sys/wait.h>

using namespace mixln;
using namespace mixln::sweep;
using mixln::report::KeyEffect;
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
  if (!checkAfterwards(sweep, error))
    return false;
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
    flags["run"].get_to(run.resolved);
    run.steps =
        std::strtod(run.resolved["num_training_steps"].c_str(), nullptr);
  }
  return findPlacements(sweep, error);
}

//===----------------------------------------------------------------------===//
// Flags of runs that began
//===----------------------------------------------------------------------===//

/// The object of a JSON file; null where there is no file, or none of it.
static ordered_json readObject(const std::string &path) {
  std::ifstream in(path, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(in), {});
  constexpr int kMostNesting = 64;
  if (rt::findTooDeep(text, kMostNesting))
    return nullptr;
  auto object = ordered_json::parse(text, nullptr, false);
  return object.is_object() ? object : ordered_json(nullptr);
}

/// Whether a flag may be another than the one the folder was begun with.
static bool isFree(const std::string &name,
                   const std::map<std::string, std::string> &about) {
  KeyEffect effect = report::effectOf("flags." + name, about);
  return !report::changesNumbers(effect) && effect != KeyEffect::File;
}

static bool refuse(const std::string &folder, const std::string &what,
                   const std::string &was, const std::string &is,
                   std::string &error) {
  error = folder + " was begun with " + what + " " + was + ", the sweep says " +
          is + ": choose another --out, or remove the folder";
  return false;
}

/// "1.0" and "1" are one value.
static bool isSame(const std::string &a, const std::string &b) {
  char *endA, *endB;
  double numberA = std::strtod(a.c_str(), &endA),
         numberB = std::strtod(b.c_str(), &endB);
  bool areNumbers = !a.empty() && !b.empty() && !*endA && !*endB;
  return a == b || (areNumbers && numberA == numberB);
}

static ordered_json valueAt(const ordered_json &object,
                            const std::string &key) {
  auto found = object.find(key);
  return found == object.end() ? ordered_json(nullptr) : *found;
}

static std::string shown(const ordered_json &value) {
  return value.is_null() ? "absent" : value.dump();
}

/// The folder's own run.json. Files may lie elsewhere now, and flags that a
/// later version added are as they were.
static bool checkFolder(const Sweep &sweep, const RunPlan &run,
                        std::string &error) {
  std::string folder = folderOf(sweep, run);
  ordered_json before = readObject(folder + "/run.json");
  auto about = report::flatten(before);
  for (auto &[name, is] : run.resolved) {
    auto was = about.find("flags." + name);
    if (was != about.end() &&
        report::changesNumbers(report::effectOf(was->first, about)) &&
        !isSame(was->second, is))
      return refuse(folder, "--" + name, was->second, is, error);
  }
  ordered_json old = before.is_object() ? valueAt(before, "config") : nullptr,
               now = ordered_json::parse(run.config, nullptr, false);
  if (!old.is_object() || !now.is_object())
    return true;
  ordered_json all = old;
  all.update(now);
  for (auto &[key, ignored] : all.items()) {
    KeyEffect effect = report::effectOf("config." + key, about);
    // A key that only one of them has may be of another version; of the
    // placement, absence says something too.
    bool counts = effect == KeyEffect::Compared ||
                  (old.contains(key) && now.contains(key));
    ordered_json was = valueAt(old, key), is = valueAt(now, key);
    if (counts && report::changesNumbers(effect) && was != is)
      return refuse(folder, "config." + key, shown(was), shown(is), error);
  }
  return true;
}

//===----------------------------------------------------------------------===//
// sweep.json
//===----------------------------------------------------------------------===//

static std::string memoryOf(const Sweep &sweep) {
  return sweep.out + "/sweep.json";
}

/// What sweep.json holds; empty objects where there is none.
static bool readMemory(const Sweep &sweep, ordered_json &memory,
                       std::string &error) {
  std::error_code code;
  memory = {{"runs", ordered_json::object()}};
  if (fs::exists(memoryOf(sweep), code))
    memory = readObject(memoryOf(sweep));
  auto isFlags = [](const ordered_json &object) {
    for (const ordered_json &flags : object) {
      if (!flags.is_object())
        return false;
      for (const ordered_json &value : flags)
        if (!value.is_string())
          return false;
    }
    return object.is_object();
  };
  if (memory.is_object() && !memory.contains("after"))
    memory["after"] = ordered_json::object();
  if (memory.is_object() && memory.contains("runs") &&
      isFlags(memory["runs"]) && isFlags(memory["after"]))
    return true;
  error = memoryOf(sweep) +
          ": is damaged, expected the object that mixln-sweep wrote: flags of "
          "\"runs\" and of what comes \"after\" them; remove it (the folders "
          "of the runs have their flags too), or choose another --out";
  return false;
}

static ordered_json flagsJson(const RunPlan &run) {
  std::map<std::string, std::string> about;
  for (auto &[name, value] : run.resolved)
    about["flags." + name] = value;
  ordered_json flags = ordered_json::object();
  for (auto &[name, value] : run.flags)
    if (!isFree(name, about))
      flags[name] = value;
  return flags;
}

/// A measurement is made once: what is there must be of the same flags.
static bool checkAfter(const Sweep &sweep, const ordered_json &memory,
                       std::string &error) {
  for (auto &[file, flags] : sweep.after) {
    if (!memory.contains(file))
      continue;
    for (const RunPlan &run : sweep.runs) {
      std::string path = folderOf(sweep, run) + "/" + file;
      std::error_code code;
      if (!fs::exists(path, code))
        continue;
      for (auto &[name, is] : flags) {
        std::string was = memory[file].value(name, is);
        if (isFree(name, {}) || isSame(was, is))
          continue;
        error = path + " was measured with --" + name + " " + was +
                ", the sweep says " + is + ": remove " + file +
                " of every run, to measure again, or choose another --out";
        return false;
      }
    }
  }
  return true;
}

bool mixln::sweep::checkRemembered(const Sweep &sweep, std::string &error) {
  ordered_json memory;
  if (!readMemory(sweep, memory, error))
    return false;
  for (const RunPlan &run : sweep.runs) {
    std::string folder = folderOf(sweep, run);
    std::error_code code;
    if (!fs::exists(folder + "/run.json", code))
      continue;
    if (!checkFolder(sweep, run, error))
      return false;
    if (!memory["runs"].contains(run.name))
      continue;
    ordered_json before = memory["runs"][run.name], now = flagsJson(run);
    ordered_json all = before;
    all.update(now);
    for (auto &[name, ignored] : all.items()) {
      std::string was = before.value(name, std::string("absent")),
                  is = now.value(name, std::string("absent"));
      // What was remembered by an earlier version may be free now.
      if (!isSame(was, is) && !isFree(name, {}))
        return refuse(folder, "--" + name, was, is, error);
    }
  }
  return checkAfter(sweep, memory["after"], error);
}

void mixln::sweep::remember(const Sweep &sweep) {
  ordered_json memory;
  std::string error;
  if (!readMemory(sweep, memory, error))
    return;
  for (const RunPlan &run : sweep.runs)
    memory["runs"][run.name] = flagsJson(run);
  for (auto &[file, flags] : sweep.after)
    memory["after"][file] = flags;
  memory["format"] = 1;
  rt::writeTextFile(memoryOf(sweep), memory.dump(1) + "\n");
}
