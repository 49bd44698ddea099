//===- ProfileFiles.cpp - profile.json and trace.json ---------------------===//

#include "device/CpuFeatures.h"
#include "profile/Profile.h"

#include <algorithm>
#include <nlohmann/json.hpp>

using namespace mixln::rt;
using nlohmann::ordered_json;

static double rate(double amount, double seconds) {
  return seconds > 0 ? amount / seconds : 0;
}

static ordered_json describe(const KernelRow &row, double total) {
  return {{"name", row.name},
          {"calls", row.calls},
          {"seconds", row.seconds},
          {"share", rate(row.seconds, total)},
          {"idle", row.idle},
          {"flops", row.flops},
          {"bytes", row.bytes},
          {"traffic", row.traffic},
          {"flops_per_second", rate(row.flops, row.seconds)},
          {"bytes_per_second", rate(row.bytes, row.seconds)},
          {"bound", boundName(row.bound)},
          {"share_of_bound", row.ofBound}};
}

static ordered_json dispatchesOf(const Program &program,
                                 const Recorder &recorder) {
  ordered_json all = ordered_json::array();
  for (size_t e = 0; e < program.entries.size(); ++e) {
    const Entry &entry = program.entries[e];
    for (size_t d = 0; d < entry.dispatches.size(); ++d) {
      const Dispatch &dispatch = entry.dispatches[d];
      DispatchTime time = recorder.time(e, d);
      if (time.calls > 0)
        all.push_back({{"entry", entry.name},
                       {"kernel", program.kernels[dispatch.kernel].name},
                       {"site", dispatch.site},
                       {"layer", dispatch.layer},
                       {"calls", time.calls},
                       {"seconds", double(time.wall) * 1e-9},
                       {"busy_seconds", double(time.busy) * 1e-9},
                       {"flops", dispatch.flops},
                       {"bytes", dispatch.bytes}});
    }
  }
  return all;
}

std::string mixln::rt::profileJson(const Program &program,
                                   const Profile &profile,
                                   const Recorder *recorder) {
  const Ceilings &ceilings = profile.known.ceilings;
  ordered_json json = {{"cpu", cpuModelName()},
                       {"compiler", program.compiler},
                       {"norm", program.norm},
                       {"dtype", program.dtype},
                       {"batch_size", program.batchSize},
                       {"seq_len", program.seqLen}};
  if (recorder) {
    json["threads"] = ceilings.threads;
    json["updates"] = profile.updates;
    json["seconds"] = profile.seconds;
    json["kernel_seconds"] = profile.kernelSeconds();
    json["ceilings"] = {{"source", profile.known.source},
                        {"fma_flops", ceilings.fma.best},
                        {"dot_flops", ceilings.dot.best},
                        {"memory_bytes", ceilings.memory},
                        {"cache_bytes", ceilings.cache}};
  }
  json["kernels"] = ordered_json::array();
  for (const KernelRow &row : profile.kernels) {
    if (recorder)
      json["kernels"].push_back(describe(row, profile.seconds));
    else
      json["kernels"].push_back({{"name", row.name},
                                 {"calls", row.calls},
                                 {"flops", row.flops},
                                 {"bytes", row.bytes}});
  }
  if (recorder)
    json["dispatches"] = dispatchesOf(program, *recorder);
  return json.dump(1) + "\n";
}

std::string mixln::rt::traceJson(const Program &program,
                                 const Recorder &recorder) {
  constexpr int kProcess = 1;
  ordered_json events = ordered_json::array();
  events.push_back({{"ph", "M"},
                    {"name", "process_name"},
                    {"pid", kProcess},
                    {"args", {{"name", "mixln " + program.norm}}}});
  std::vector<std::vector<Slice>> slices;
  int64_t origin = INT64_MAX;
  for (int worker = 0; worker < recorder.numWorkers(); ++worker) {
    slices.push_back(recorder.slices(worker));
    if (!slices.back().empty())
      origin = std::min(origin, slices.back().front().begin);
  }
  for (int worker = 0; worker < recorder.numWorkers(); ++worker) {
    events.push_back(
        {{"ph", "M"},
         {"name", "thread_name"},
         {"pid", kProcess},
         {"tid", worker},
         {"args", {{"name", "worker " + std::to_string(worker)}}}});
    for (const Slice &slice : slices[worker]) {
      const Entry &entry = program.entries[slice.entry];
      const Dispatch &dispatch = entry.dispatches[slice.dispatch];
      const std::string &kernel = program.kernels[dispatch.kernel].name;
      // Microseconds, by the format.
      events.push_back(
          {{"ph", "X"},
           {"name", dispatch.site.empty() ? kernel : dispatch.site},
           {"cat", entry.name},
           {"ts", double(slice.begin - origin) * 1e-3},
           {"dur", double(slice.end - slice.begin) * 1e-3},
           {"pid", kProcess},
           {"tid", worker},
           {"args",
            {{"kernel", kernel},
             {"site", dispatch.site},
             {"layer", dispatch.layer},
             {"flops", dispatch.flops},
             {"bytes", dispatch.bytes}}}});
    }
  }
  ordered_json trace = {{"displayTimeUnit", "ms"}, {"traceEvents", events}};
  return trace.dump() + "\n";
}
