//===- Profile.h - Where the time goes --------------------------*- C++ -*-===//
//
// Sums of a recorder as one row for each kernel, beside what the compiler
// counted for it and the ceiling that bounds it.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_RT_PROFILE_PROFILE_H
#define MIXLN_RT_PROFILE_PROFILE_H

#include "device/Recorder.h"
#include "profile/CeilingsFile.h"

#include <string>
#include <vector>

namespace mixln::rt {

/// What bounds a kernel: the larger of FLOPs / peak and traffic / copy rate.
/// Traffic is its bytes, and once more those that it writes without reading
/// them: a line is fetched before it is written, in the copy too. A kernel that
/// moves more than memory can has its operands in cache.
enum class Bound { Fma, Dot, Memory, Cache, None };
const char *boundName(Bound bound);

/// All times in seconds, all numbers sums over `Profile::updates`.
struct KernelRow {
  std::string name;
  int64_t calls = 0;
  double seconds = 0;
  double idle = 0; ///< share of the workers' time spent waiting in it
  double flops = 0, bytes = 0, traffic = 0;
  Bound bound = Bound::None;
  double ofBound = 0; ///< share of the ceiling that was reached
};

struct Profile {
  int64_t updates = 0;
  double seconds = 0; ///< of those updates, all of it
  KnownCeilings known;
  std::vector<KernelRow> kernels; ///< the most expensive first

  double kernelSeconds() const;
};

/// Of `updates` updates that took `seconds`.
Profile makeProfile(const Program &program, const Recorder &recorder,
                    int64_t updates, double seconds, KnownCeilings known);

/// What one update runs (gradient and update), without times.
Profile makeStaticProfile(const Program &program);

/// As a table for people, numbers of one update.
std::string profileText(const Profile &profile);

/// As JSON; with a recorder also every dispatch of every entry.
std::string profileJson(const Program &program, const Profile &profile,
                        const Recorder *recorder);

/// The recorder's slices in the Trace Event format that Perfetto and
/// chrome://tracing open.
std::string traceJson(const Program &program, const Recorder &recorder);

} // namespace mixln::rt

#endif // MIXLN_RT_PROFILE_PROFILE_H
