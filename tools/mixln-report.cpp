//===- mixln-report.cpp - Run folders to one page -------------------------===//

#include "checkpoint/OutputFile.h"
#include "cli/Flags.h"
#include "mixln/Report/Page.h"
#include "mixln/Report/Placements.h"
#include "support/Errors.h"

#include <cstdio>

using namespace mixln::rt;
using namespace mixln::report;

/// Words that are no flags, taken out of `arguments`; every flag of this tool
/// but --help has a value.
static std::vector<std::string>
takeFolders(std::vector<std::string> &arguments) {
  std::vector<std::string> folders, rest;
  for (size_t i = 0; i < arguments.size(); ++i) {
    std::string &word = arguments[i];
    if (word == "-o")
      word = "--out";
    if (!word.starts_with("-")) {
      folders.push_back(word);
      continue;
    }
    rest.push_back(word);
    bool needsValue = word.starts_with("--") && word != "--help" &&
                      word.find('=') == std::string::npos;
    if (needsValue && i + 1 < arguments.size())
      rest.push_back(arguments[++i]);
  }
  arguments = std::move(rest);
  return folders;
}

static int report(std::vector<std::string> arguments) {
  Flags flags("mixln-report RUN_DIR... -o report.html",
              "One page about training runs, which needs nothing else. RUN_DIR:"
              " the --save_dir of a run, or a folder of such folders.");
  std::string out;
  PageOptions options;
  flags.text("out", out, "file to write (-o)");
  flags.text("title", options.title, "heading of the page");
  flags.text("baseline", options.baseline,
             "placement that the others are compared with (pre, or the first)");
  std::vector<std::string> folders = takeFolders(arguments);
  if (!flags.parse(arguments))
    return ExitDone;
  if (folders.empty())
    badInput("no run: give the folders of runs (--save_dir)");
  if (out.empty())
    badInput("-o is missing: where to write the page");
  checkWritableFile(out);

  std::vector<std::string> paths;
  std::string error;
  if (!findRuns(folders, paths, error))
    badInput(error);
  std::vector<Run> runs(paths.size());
  for (size_t i = 0; i < paths.size(); ++i)
    if (!readRun(paths[i], runs[i], error))
      badInput(error);
  nameRuns(runs);
  tellPlacementsApart(runs);
  if (!options.baseline.empty() &&
      !findBaseline(placementsOf(runs), {}, options.baseline, options.baseline,
                    error))
    badInput("--baseline ", error);
  writeTextFile(out, renderPage(runs, options));
  std::printf("%s: %zu %s\n", out.c_str(), runs.size(),
              runs.size() == 1 ? "run" : "runs");
  return ExitDone;
}

int main(int argc, char **argv) {
  try {
    return report(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const InputError &error) {
    std::fprintf(stderr, "mixln-report: %s\n", error.what());
    return ExitBadInput;
  } catch (const std::exception &error) {
    std::fprintf(stderr, "mixln-report: %s\n", error.what());
    return ExitFailed;
  }
}
