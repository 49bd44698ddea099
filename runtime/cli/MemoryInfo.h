//===- MemoryInfo.h - What a step holds in memory ---------------*- C++ -*-===//

#ifndef MIXLN_RT_CLI_MEMORYINFO_H
#define MIXLN_RT_CLI_MEMORYINFO_H

#include "mixln-rt/program.h"

#include <nlohmann/json.hpp>

namespace mixln::rt {

/// Bytes of a step by what they hold where most is held, and the bytes of the
/// arena that each entry reaches.
nlohmann::ordered_json describeMemory(const Program &program);

/// The same as a table.
void printMemory(const nlohmann::ordered_json &memory);

} // namespace mixln::rt

#endif // MIXLN_RT_CLI_MEMORYINFO_H
