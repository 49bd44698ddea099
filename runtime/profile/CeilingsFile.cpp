//===- CeilingsFile.cpp ---------------------------------------------------===//

#include "profile/CeilingsFile.h"
#include "checkpoint/OutputFile.h"
#include "data/Files.h"
#include "device/CpuFeatures.h"
#include "device/ThreadPool.h"
#include "support/Errors.h"

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

using namespace mixln::rt;
using nlohmann::ordered_json;
namespace fs = std::filesystem;

std::string mixln::rt::ceilingsPath() {
  if (const char *named = std::getenv("MIXLN_CEILINGS"))
    return named;
  if (const char *cache = std::getenv("MIXLN_CACHE_DIR"))
    return std::string(cache) + "/ceilings.json";
  if (const char *base = std::getenv("XDG_CACHE_HOME"))
    return std::string(base) + "/mixln/ceilings.json";
  if (const char *home = std::getenv("HOME"))
    return std::string(home) + "/.cache/mixln/ceilings.json";
  return "";
}

void mixln::rt::writeCeilings(const std::string &path,
                              const std::vector<Ceilings> &all) {
  ordered_json json;
  json["cpu"] = cpuModelName();
  json["ceilings"] = ordered_json::array();
  for (const Ceilings &one : all)
    json["ceilings"].push_back({{"threads", one.threads},
                                {"fma_flops", one.fma},
                                {"dot_flops", one.dot},
                                {"memory_bytes", one.memory},
                                {"cache_bytes", one.cache}});
  OutputFile file(path);
  file.write(json.dump(1) + "\n");
  file.commit();
}

/// Why the file does not serve, or nothing and its ceilings.
static std::string readCeilings(const std::string &path, int threads,
                                Ceilings &found) {
  auto json = nlohmann::json::parse(readWholeFile(path, size_t(1) << 20),
                                    nullptr, false);
  try {
    std::string cpu = json.at("cpu").get<std::string>();
    if (cpu != cpuModelName())
      return cat(path, " is of another CPU, ", cpu);
    for (const auto &one : json.at("ceilings")) {
      if (one.at("threads").get<int>() != threads)
        continue;
      found.threads = threads;
      one.at("fma_flops").get_to(found.fma);
      one.at("dot_flops").get_to(found.dot);
      one.at("memory_bytes").get_to(found.memory);
      one.at("cache_bytes").get_to(found.cache);
      return "";
    }
  } catch (const nlohmann::json::exception &error) {
    badInput(path, " does not hold ceilings: ", error.what());
  }
  return cat(path, " has none for ", threads, " threads");
}

KnownCeilings mixln::rt::findCeilings(ThreadPool &pool) {
  KnownCeilings known;
  std::string path = ceilingsPath(), why = "none recorded";
  std::error_code error;
  if (std::getenv("MIXLN_CEILINGS") || fs::exists(path, error)) {
    why = readCeilings(path, pool.size(), known.ceilings);
    if (why.empty()) {
      known.source = "recorded in " + path;
      return known;
    }
  }
  constexpr double kQuick = 0.3;
  known.ceilings = measureCeilings(pool, kQuick);
  known.source = "measured just now; " + why;
  return known;
}
