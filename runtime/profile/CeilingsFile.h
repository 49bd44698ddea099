//===- CeilingsFile.h - Ceilings measured before ----------------*- C++ -*-===//

#ifndef MIXLN_RT_PROFILE_CEILINGSFILE_H
#define MIXLN_RT_PROFILE_CEILINGSFILE_H

#include "device/Ceilings.h"

#include <string>
#include <vector>

namespace mixln::rt {

/// MIXLN_CEILINGS where it is not empty, or ceilings.json in the cache folder.
std::string ceilingsPath();

/// Records ceilings of this machine, one for each number of threads.
void writeCeilings(const std::string &path, const std::vector<Ceilings> &all);

struct KnownCeilings {
  Ceilings ceilings;
  std::string source; ///< for people: which file, or that it was measured now
};

/// Those recorded for this CPU and so many threads; where there are none, the
/// source says why and threads is 0. A file that MIXLN_CEILINGS names must be
/// readable: else an InputError.
KnownCeilings recordedCeilings(int threads);

/// What was recorded if it serves, otherwise a quick measurement.
KnownCeilings findCeilings(ThreadPool &pool, KnownCeilings recorded);

} // namespace mixln::rt

#endif // MIXLN_RT_PROFILE_CEILINGSFILE_H
