//===- Barriers.h - Where workers must meet ---------------------*- C++ -*-===//

#ifndef MIXLN_RT_DEVICE_BARRIERS_H
#define MIXLN_RT_DEVICE_BARRIERS_H

#include "mixln-rt/program.h"

#include <vector>

namespace mixln::rt {

/// For each dispatch of an entry whether all workers must be done with it, and
/// with those before it, when the next one begins: true where the next touches
/// bytes that one since the last such place writes, or writes bytes that one
/// reads. True behind the last.
std::vector<bool> barriersBehind(const Entry &entry);

} // namespace mixln::rt

#endif // MIXLN_RT_DEVICE_BARRIERS_H
