//===- MemoryInfo.cpp -----------------------------------------------------===//

#include "cli/MemoryInfo.h"
#include "mixln-rt/memory-map.h"

#include <cstdio>

using namespace mixln::rt;
using nlohmann::ordered_json;

static ordered_json describePeak(const Program &program, const Entry &entry) {
  MemoryPeak peak = findMemoryPeak(program, entry);
  ordered_json out = {{"reach_bytes", peak.reach},
                      {"held_bytes", peak.total()},
                      {"dispatch", peak.dispatch}};
  if (!entry.dispatches.empty())
    out["site"] = entry.dispatches[peak.dispatch].site;
  for (int kind = 0; kind < kMemoryKinds; ++kind)
    out[memoryKindName(static_cast<MemoryKind>(kind))] = peak.bytes[kind];
  return out;
}

ordered_json mixln::rt::describeMemory(const Program &program) {
  ordered_json out = {{"step_bytes", program.stepBytes},
                      {"mapped_bytes", program.arenaBytes},
                      {"scratch_bytes_per_worker", program.scratchBytes}};
  if (program.memoryLimit > 0)
    out["memory_limit"] = program.memoryLimit;
  out["activation_checkpointing"] = program.checkpoints;
  for (const Entry &entry : program.entries)
    if (entry.name == "gradient" || entry.name == "gradient_add" ||
        entry.name == "update")
      out[entry.name] = describePeak(program, entry);
  return out;
}

void mixln::rt::printMemory(const ordered_json &memory) {
  auto mebibytes = [](const ordered_json &bytes) {
    return static_cast<double>(bytes.get<int64_t>()) / (1 << 20);
  };
  std::printf("memory           %.1f MiB a step, %.1f MiB scratch a worker\n",
              mebibytes(memory["step_bytes"]),
              mebibytes(memory["scratch_bytes_per_worker"]));
  for (const char *entry : {"gradient", "gradient_add", "update"}) {
    if (!memory.contains(entry))
      continue;
    const ordered_json &peak = memory[entry];
    std::printf(
        "  %-14s reaches %.1f MiB; most is held at dispatch %lld (%s)\n", entry,
        mebibytes(peak["reach_bytes"]), peak["dispatch"].get<long long>(),
        peak.value("site", "").c_str());
    for (int kind = 0; kind < kMemoryKinds; ++kind) {
      const char *name = memoryKindName(static_cast<MemoryKind>(kind));
      if (peak[name] != 0)
        std::printf("    %-18s%10.1f MiB\n", name, mebibytes(peak[name]));
    }
  }
}
