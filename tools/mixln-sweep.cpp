//===- mixln-sweep.cpp - Many training runs from one file -----------------===//

#include "checkpoint/FolderLock.h"
#include "checkpoint/OutputFile.h"
#include "cli/Flags.h"
#include "device/ThreadPool.h"
#include "mixln/Sweep/Check.h"
#include "mixln/Sweep/Results.h"
#include "mixln/Sweep/Runner.h"
#include "mixln/Sweep/State.h"
#include "support/Errors.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <optional>

using namespace mixln::rt;
using namespace mixln::sweep;

namespace {
struct Options {
  std::string file, out;
  int64_t jobs = 1;
  bool print = false, collect = false, dryRun = false;
  FlagList extra;
};
} // namespace

static constexpr const char *usage =
    "usage: mixln-sweep SWEEP.json [--out DIR] [--jobs N] [--FLAG VALUE ...]\n"
    "\n"
    "Trains every combination of a sweep file, one run after another, and ends"
    " in\nDIR/report.html and DIR/results.json. The same command goes on after"
    " a crash.\n"
    "\n"
    "  --out DIR   folder of the runs, instead of the file's \"out\"\n"
    "  --jobs N    runs side by side; the threads are divided (1)\n"
    "  --dry_run   check every run, say how far each is, and stop\n"
    "  --print     one command a line for each run that is not at its end\n"
    "  --collect   report on the runs that are there, whoever ran them\n"
    "\n"
    "Every other flag is one of mixln-train and holds for all runs.\n";

/// The word behind a flag, or "true" for a switch.
static std::string valueOf(const std::vector<std::string> &arguments,
                           size_t &i) {
  size_t equals = arguments[i].find('=');
  if (equals != std::string::npos)
    return arguments[i].substr(equals + 1);
  if (i + 1 < arguments.size() && !arguments[i + 1].starts_with("--"))
    return arguments[++i];
  return "true";
}

static Options parse(const std::vector<std::string> &arguments) {
  Options options;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string &word = arguments[i];
    if (!word.starts_with("--")) {
      if (!options.file.empty())
        badInput("two sweep files: ", options.file, " and ", word);
      options.file = word;
      continue;
    }
    std::string name = word.substr(2, word.find('=') - 2);
    std::replace(name.begin(), name.end(), '-', '_');
    if (name == "print")
      options.print = true;
    else if (name == "collect")
      options.collect = true;
    else if (name == "dry_run")
      options.dryRun = true;
    else if (std::string value = valueOf(arguments, i); name == "out")
      options.out = value;
    else if (name == "jobs") {
      if (!parseCount(value, options.jobs) || options.jobs < 1)
        badInput("--jobs is '", value, "', expected a whole number of at least",
                 " 1");
    } else {
      options.extra.emplace_back(name, value);
    }
  }
  if (options.file.empty())
    badInput("no sweep file (see mixln-sweep --help)");
  if (options.print + options.collect + options.dryRun > 1)
    badInput("--print, --collect and --dry_run exclude each other");
  return options;
}

static void printCommands(const Sweep &sweep, const std::string &trainer) {
  for (const RunPlan &run : sweep.runs) {
    Progress progress = stateOf(folderOf(sweep, run)).progress;
    if (progress == Progress::Diverged)
      continue;
    std::string line;
    if (progress != Progress::Done)
      line = shellLine(trainCommand(trainer, sweep, run));
    for (const Command &command : commandsAfter(sweep, run))
      if (progress != Progress::Done ||
          !std::filesystem::exists(command.output))
        line += (line.empty() ? "" : " && ") + shellLine(command);
    if (!line.empty())
      std::printf("%s\n", line.c_str());
  }
}

static int runSweep(const Options &options) {
  Sweep sweep;
  std::string error;
  if (!readSweep(options.file, options.extra, sweep, error))
    badInput(error);
  if (!options.out.empty())
    sweep.out = options.out;
  if (sweep.out.empty())
    badInput(options.file, ": out: is missing, and there is no --out: the "
                           "folder of the runs");
  while (sweep.out.size() > 1 && sweep.out.back() == '/')
    sweep.out.pop_back();
  std::error_code code;
  auto self = std::filesystem::read_symlink("/proc/self/exe", code);
  std::string trainer = (self.parent_path() / "mixln-train").string();

  if (!checkRuns(trainer, sweep, error) || !checkRemembered(sweep, error))
    badInput(options.file, ": ", error);
  if (options.dryRun) {
    for (const RunPlan &run : sweep.runs)
      std::printf("%s: %s\n", run.name.c_str(),
                  describe(stateOf(folderOf(sweep, run))).c_str());
    return ExitDone;
  }
  checkWritableFolder(sweep.out);
  if (options.print) {
    remember(sweep);
    printCommands(sweep, trainer);
    return ExitDone;
  }
  RunnerResult result;
  std::optional<FolderLock> lock;
  if (!options.collect) {
    // Two sweeps at the same runs would write into each other's folders.
    lock.emplace(sweep.out, "another mixln-sweep is at work in");
    remember(sweep);
    RunnerOptions runner;
    runner.trainer = trainer;
    runner.jobs = static_cast<int>(std::min<int64_t>(
        options.jobs, static_cast<int64_t>(sweep.runs.size())));
    if (runner.jobs > 1)
      runner.threads = std::max(1, availableCpus() / runner.jobs);
    result = runAll(sweep, runner);
  }
  std::printf("%sreport: %s/report.html\n", collect(sweep).c_str(),
              sweep.out.c_str());
  if (result.stopped) {
    std::fprintf(stderr, "mixln-sweep: stopped; the same command goes on\n");
    return ExitStopped;
  }
  for (const std::string &failure : result.failures)
    std::fprintf(stderr, "mixln-sweep: %s\n", failure.c_str());
  return result.failures.empty() ? ExitDone : ExitFailed;
}

int main(int argc, char **argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  for (const std::string &word : arguments)
    if (word == "--help" || word == "-h") {
      std::fputs(usage, stdout);
      return ExitDone;
    }
  try {
    return runSweep(parse(arguments));
  } catch (const InputError &failure) {
    std::fprintf(stderr, "mixln-sweep: %s\n", failure.what());
    return ExitBadInput;
  } catch (const std::exception &failure) {
    std::fprintf(stderr, "mixln-sweep: %s\n", failure.what());
    return ExitFailed;
  }
}
