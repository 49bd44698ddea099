//===- CeilingsFile.cpp ---------------------------------------------------===//

#include "profile/CeilingsFile.h"
#include "checkpoint/OutputFile.h"
#include "data/Files.h"
#include "device/CpuFeatures.h"
#include "device/ThreadPool.h"
#include "support/CacheFolder.h"
#include "support/Errors.h"

#include <filesystem>
#include <nlohmann/json.hpp>

using namespace mixln::rt;
using nlohmann::ordered_json;
namespace fs = std::filesystem;

std::string mixln::rt::ceilingsPath() {
  std::string named = environment("MIXLN_CEILINGS");
  return named.empty() ? cacheFolder() + "/ceilings.json" : named;
}

void mixln::rt::writeCeilings(const std::string &path,
                              const std::vector<Ceilings> &all) {
  ordered_json json;
  json["cpu"] = cpuModelName();
  json["ceilings"] = ordered_json::array();
  for (const Ceilings &one : all)
    json["ceilings"].push_back({{"threads", one.threads},
                                {"fma_flops", one.fma.best},
                                {"fma_mean_flops", one.fma.mean},
                                {"dot_flops", one.dot.best},
                                {"dot_mean_flops", one.dot.mean},
                                {"memory_bytes", one.memory},
                                {"cache_bytes", one.cache}});
  writeTextFile(path, json.dump(1) + "\n");
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
      one.at("fma_flops").get_to(found.fma.best);
      one.at("dot_flops").get_to(found.dot.best);
      one.at("memory_bytes").get_to(found.memory);
      one.at("cache_bytes").get_to(found.cache);
      found.threads = threads;
      return "";
    }
  } catch (const nlohmann::json::exception &error) {
    badInput(path, " does not hold ceilings: ", error.what());
  }
  return cat(path, " has none for ", threads, " threads");
}

KnownCeilings mixln::rt::recordedCeilings(int threads) {
  KnownCeilings known;
  std::string path = ceilingsPath();
  bool isNamed = !environment("MIXLN_CEILINGS").empty();
  std::error_code error;
  known.source = "none recorded";
  if (!isNamed && !fs::exists(path, error))
    return known;
  try {
    std::string why = readCeilings(path, threads, known.ceilings);
    known.source = why.empty() ? "recorded in " + path : why;
  } catch (const InputError &failure) {
    if (isNamed)
      throw;
    // Nobody asked for this file.
    known.source = failure.what();
    known.ceilings = {};
  }
  return known;
}

KnownCeilings mixln::rt::findCeilings(ThreadPool &pool,
                                      KnownCeilings recorded) {
  if (recorded.ceilings.threads == pool.size())
    return recorded;
  constexpr double kQuick = 0.3;
  return {measureCeilings(pool, kQuick),
          "measured just now; " + recorded.source};
}
