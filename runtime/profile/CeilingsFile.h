//===- CeilingsFile.h - Ceilings measured before ----------------*- C++ -*-===//

#ifndef MIXLN_RT_PROFILE_CEILINGSFILE_H
#define MIXLN_RT_PROFILE_CEILINGSFILE_H

#include "device/Ceilings.h"

#include <string>
#include <vector>

namespace mixln::rt {

/// MIXLN_CEILINGS, or ceilings.json in the cache folder.
std::string ceilingsPath();

/// Records ceilings of this machine, one for each number of threads.
void writeCeilings(const std::string &path, const std::vector<Ceilings> &all);

struct KnownCeilings {
  Ceilings ceilings;
  std::string source; ///< for people: which file, or that it was measured now
};

/// Those recorded for this CPU and the pool's number of threads; otherwise a
/// quick measurement. A file that MIXLN_CEILINGS names must be readable: else
/// an InputError.
KnownCeilings findCeilings(ThreadPool &pool);

} // namespace mixln::rt

#endif // MIXLN_RT_PROFILE_CEILINGSFILE_H
