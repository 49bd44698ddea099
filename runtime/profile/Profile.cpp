//===- Profile.cpp --------------------------------------------------------===//

#include "profile/Profile.h"
#include "device/CpuFeatures.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <tuple>

using namespace mixln::rt;

const char *mixln::rt::boundName(Bound bound) {
  switch (bound) {
  case Bound::Fma:
    return "fma";
  case Bound::Dot:
    return "dot";
  case Bound::Memory:
    return "memory";
  case Bound::Cache:
    return "cache";
  case Bound::None:
    return "-";
  }
  return "-";
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

/// Whether a kernel multiplies bf16 numbers in the CPU's dot products.
static bool multipliesPairs(const Program &program, const std::string &name) {
  bool multiplies = name.starts_with("matmul") || name.starts_with("attention");
  return usesDotProducts(program) && multiplies &&
         name.find(".bf16") != std::string::npos;
}

/// Bytes of a dispatch's results that none of its operands covers.
static double unreadBytes(const Dispatch &dispatch) {
  double bytes = 0;
  for (const Operand &result : dispatch.operands) {
    if (!result.writes || result.reads)
      continue;
    bool isRead = std::any_of(
        dispatch.operands.begin(), dispatch.operands.end(),
        [&](const Operand &operand) {
          return operand.reads && operand.offset <= result.offset &&
                 result.offset + result.bytes <= operand.offset + operand.bytes;
        });
    if (!isRead)
      bytes += static_cast<double>(result.bytes);
  }
  return bytes;
}

static void findBound(KernelRow &row, const Ceilings &ceilings, bool dot) {
  double peak =
      dot && ceilings.dot.best > 0 ? ceilings.dot.best : ceilings.fma.best;
  double byFlops = peak > 0 ? row.flops / peak : 0;
  // A copy of 8 bytes, read and written, moves 12.
  double traffic = row.traffic / 1.5;
  double byBytes = ceilings.memory > 0 ? traffic / ceilings.memory : 0;
  if (row.seconds <= 0 || std::max(byFlops, byBytes) <= 0)
    return;
  if (byFlops >= byBytes) {
    row.bound = peak == ceilings.fma.best ? Bound::Fma : Bound::Dot;
    row.ofBound = byFlops / row.seconds;
    return;
  }
  row.bound = Bound::Memory;
  row.ofBound = byBytes / row.seconds;
  if (row.ofBound <= 1 || ceilings.cache <= ceilings.memory)
    return;
  // Faster than memory: the cache bounds it, or the arithmetic after all.
  byBytes = traffic / ceilings.cache;
  row.bound = Bound::Cache;
  if (byFlops > byBytes)
    row.bound = peak == ceilings.fma.best ? Bound::Fma : Bound::Dot;
  row.ofBound = std::max(byFlops, byBytes) / row.seconds;
}

double Profile::kernelSeconds() const {
  double seconds = 0;
  for (const KernelRow &row : kernels)
    seconds += row.seconds;
  return seconds;
}

Profile mixln::rt::makeProfile(const Program &program, const Recorder &recorder,
                               int64_t updates, double seconds,
                               KnownCeilings known) {
  Profile profile;
  profile.updates = updates;
  profile.seconds = seconds;
  profile.known = std::move(known);
  std::vector<KernelRow> rows(program.kernels.size());
  std::vector<double> busy(rows.size());
  for (size_t e = 0; e < program.entries.size(); ++e) {
    const std::vector<Dispatch> &dispatches = program.entries[e].dispatches;
    for (size_t d = 0; d < dispatches.size(); ++d) {
      DispatchTime time = recorder.time(e, d);
      KernelRow &row = rows[dispatches[d].kernel];
      row.calls += time.calls;
      row.seconds += double(time.wall) * 1e-9;
      row.flops += double(time.calls) * dispatches[d].flops;
      row.bytes += double(time.calls) * dispatches[d].bytes;
      row.traffic += double(time.calls) *
                     (dispatches[d].bytes + unreadBytes(dispatches[d]));
      busy[dispatches[d].kernel] += double(time.busy) * 1e-9;
    }
  }
  for (size_t k = 0; k < rows.size(); ++k) {
    KernelRow &row = rows[k];
    if (row.calls == 0)
      continue;
    row.name = program.kernels[k].name;
    if (row.seconds > 0)
      row.idle = std::max(0.0, 1 - busy[k] / row.seconds /
                                       std::max(1, recorder.numWorkers()));
    findBound(row, profile.known.ceilings, multipliesPairs(program, row.name));
    profile.kernels.push_back(row);
  }
  std::sort(profile.kernels.begin(), profile.kernels.end(),
            [](const KernelRow &a, const KernelRow &b) {
              return a.seconds > b.seconds;
            });
  return profile;
}

Profile mixln::rt::makeStaticProfile(const Program &program) {
  Profile profile;
  profile.updates = 1;
  std::vector<KernelRow> rows(program.kernels.size());
  for (const Entry &entry : program.entries) {
    if (entry.name != "gradient" && entry.name != "update")
      continue;
    for (const Dispatch &dispatch : entry.dispatches) {
      KernelRow &row = rows[dispatch.kernel];
      row.name = program.kernels[dispatch.kernel].name;
      ++row.calls;
      row.flops += dispatch.flops;
      row.bytes += dispatch.bytes;
    }
  }
  for (KernelRow &row : rows)
    if (row.calls > 0)
      profile.kernels.push_back(std::move(row));
  std::sort(profile.kernels.begin(), profile.kernels.end(),
            [](const KernelRow &a, const KernelRow &b) {
              return std::tie(b.flops, a.name) < std::tie(a.flops, b.name);
            });
  return profile;
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

__attribute__((format(printf, 1, 2))) static std::string format(const char *how,
                                                                ...) {
  char text[256];
  va_list arguments;
  va_start(arguments, how);
  std::vsnprintf(text, sizeof text, how, arguments);
  va_end(arguments);
  return text;
}

static std::string staticText(const Profile &profile, int width) {
  std::string text = format("%-*s %6s %10s %10s %9s\n", width, "kernel",
                            "calls", "MFLOP", "MB", "FLOP/byte");
  for (const KernelRow &row : profile.kernels)
    text += format("%-*s %6lld %10.1f %10.1f %9.1f\n", width, row.name.c_str(),
                   static_cast<long long>(row.calls), row.flops * 1e-6,
                   row.bytes * 1e-6, row.bytes > 0 ? row.flops / row.bytes : 0);
  return text;
}

std::string mixln::rt::profileText(const Profile &profile) {
  size_t longest = 16;
  for (const KernelRow &row : profile.kernels)
    longest = std::max(longest, row.name.size());
  int width = static_cast<int>(std::min<size_t>(longest, 64));
  if (profile.seconds <= 0)
    return staticText(profile, width);

  double updates = static_cast<double>(std::max<int64_t>(profile.updates, 1));
  const Ceilings &ceilings = profile.known.ceilings;
  std::string text = format(
      "one of %lld updates, %d threads; ceilings (%s):\n"
      "fma %.1f GFLOP/s, dot %.1f GFLOP/s, memory %.1f GB/s, cache %.1f GB/s\n",
      static_cast<long long>(profile.updates), ceilings.threads,
      profile.known.source.c_str(), ceilings.fma.best * 1e-9,
      ceilings.dot.best * 1e-9, ceilings.memory * 1e-9, ceilings.cache * 1e-9);
  text += format("%-*s %6s %9s %6s %5s %10s %10s %8s %7s %6s %5s\n", width,
                 "kernel", "calls", "ms", "share", "idle", "MFLOP", "MB",
                 "GFLOP/s", "GB/s", "bound", "of it");
  auto line = [&](const char *name, double calls, double seconds) {
    return format("%-*s %6.6g %9.3f %5.1f%%", width, name, calls / updates,
                  seconds * 1e3 / updates, 100 * seconds / profile.seconds);
  };
  double flops = 0;
  for (const KernelRow &row : profile.kernels) {
    flops += row.flops;
    text += line(row.name.c_str(), double(row.calls), row.seconds);
    text += format(" %4.0f%% %10.1f %10.1f %8.1f %7.1f %6s %4.0f%%\n",
                   100 * row.idle, row.flops * 1e-6 / updates,
                   row.bytes * 1e-6 / updates, row.flops * 1e-9 / row.seconds,
                   row.bytes * 1e-9 / row.seconds, boundName(row.bound),
                   100 * row.ofBound);
  }
  text += line("outside kernels", 0,
               std::max(0.0, profile.seconds - profile.kernelSeconds())) +
          "\n" + line("update", 0, profile.seconds) +
          format(" %5s %10.1f %10s %8.1f\n", "", flops * 1e-6 / updates, "",
                 flops * 1e-9 / profile.seconds);
  return text;
}
