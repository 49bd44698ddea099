//===- ceilings.cpp - What this machine could do at most ------------------===//
//
// mixln-bench-ceilings [--threads N,M,...] [--seconds S] [--save] [--json FILE]
//
// Fused multiply-adds, bf16 dot products, a copy in memory and one in the last
// level of cache, with plain stores, for one and for all threads. --save
// records them where profiles look for them.
//
//===----------------------------------------------------------------------===//

#include "device/Ceilings.h"
#include "cli/Flags.h"
#include "device/CpuFeatures.h"
#include "device/ThreadPool.h"
#include "profile/CeilingsFile.h"
#include "support/Errors.h"

#include <cstdio>
#include <filesystem>
#include <limits>
#include <sstream>

using namespace mixln::rt;

static std::vector<int> threadCounts(const std::string &text) {
  std::vector<int> counts;
  std::istringstream words(text);
  for (std::string word; std::getline(words, word, ',');) {
    int64_t count = 0;
    if (!parseCount(word, count) || count < 1 || count > 1024)
      badInput("--threads: '", word, "' is not a number from 1 to 1024");
    counts.push_back(static_cast<int>(count));
  }
  return counts;
}

static int run(const std::vector<std::string> &arguments) {
  Flags flags("mixln-bench-ceilings",
              "Measures what this machine could do at most.");
  std::string threads = "1", file;
  double seconds = 2;
  bool save = false;
  if (int all = availableCpus(); all > 1)
    threads += "," + std::to_string(all);
  flags.text("threads", threads, "numbers of threads, separated by commas");
  flags.number("seconds", seconds, 0.01,
               std::numeric_limits<double>::infinity(),
               "time for each number of threads");
  flags.text("json", file, "file to write");
  flags.toggle("save", save,
               "record them in " + ceilingsPath() + " for profiles");
  if (!flags.parse(arguments))
    return ExitDone;
  if (save) {
    std::filesystem::create_directories(
        std::filesystem::path(ceilingsPath()).parent_path());
    if (file.empty())
      file = ceilingsPath();
  }

  std::printf("%s\n%-8s %14s %14s %14s %14s\n", cpuModelName().c_str(),
              "threads", "fma GFLOP/s", "dot GFLOP/s", "memory GB/s",
              "cache GB/s");
  std::vector<Ceilings> all;
  for (int count : threadCounts(threads)) {
    ThreadPool pool(count);
    Ceilings one = measureCeilings(pool, seconds);
    std::printf("%-8d %14.1f %14.1f %14.1f %14.1f\n", count,
                one.fma.best * 1e-9, one.dot.best * 1e-9, one.memory * 1e-9,
                one.cache * 1e-9);
    all.push_back(one);
  }
  if (!file.empty())
    writeCeilings(file, all);
  if (save && file != ceilingsPath())
    writeCeilings(ceilingsPath(), all);
  return ExitDone;
}

int main(int argc, char **argv) {
  try {
    return run({argv + 1, argv + argc});
  } catch (const InputError &error) {
    note(cat("error: ", error.what()));
    return ExitBadInput;
  } catch (const std::exception &error) {
    note(cat("error: ", error.what()));
    return ExitFailed;
  }
}
