//===- RunFolder.cpp ------------------------------------------------------===//

#include "train/RunFolder.h"
#include "checkpoint/OutputFile.h"
#include "device/CpuFeatures.h"
#include "device/ThreadPool.h"
#include "support/Errors.h"

#include <ctime>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <unistd.h>

using namespace mixln::rt;
using nlohmann::ordered_json;
namespace fs = std::filesystem;

RunFolder::RunFolder(std::string path) : path(std::move(path)) {
  for (const char *trace : {"metrics.jsonl", "run.json"}) {
    std::error_code error;
    if (fs::exists(file(trace), error))
      badInput("--save_dir ", this->path, " already holds a run (", trace,
               "); choose another folder");
  }
  checkWritableFolder(this->path);
}

static std::string timeNow() {
  std::time_t now = std::time(nullptr);
  std::tm parts = {};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

void RunFolder::writeRunJson(const Program &program, const ResolvedFlags &flags,
                             const std::map<std::string, std::string> &hashes,
                             int threads) const {
  int64_t memory =
      int64_t(sysconf(_SC_PHYS_PAGES)) * int64_t(sysconf(_SC_PAGESIZE));
  ordered_json run = {{"format", 1},
                      {"started", timeNow()},
                      {"flags", flags},
                      {"versions",
                       {{"runtime", MIXLN_VERSION},
                        {"compiler", program.compiler},
                        {"program", program.version}}},
                      {"program",
                       {{"norm", program.norm},
                        {"dtype", program.dtype},
                        {"target", program.target},
                        {"cpu", program.cpu},
                        {"batch_size", program.batchSize},
                        {"seq_len", program.seqLen}}},
                      {"hashes", hashes},
                      {"machine",
                       {{"cpu", cpuModelName()},
                        {"cpus", availableCpus()},
                        {"threads", threads},
                        {"memory_bytes", memory}}}};
  // The config is text that came with the program; kept as it is if damaged.
  auto config = ordered_json::parse(program.configJson, nullptr, false);
  run["config"] = config.is_discarded() ? ordered_json(program.configJson)
                                        : std::move(config);
  OutputFile out(file("run.json"));
  out.write(run.dump(2) + "\n");
  out.commit();
}
