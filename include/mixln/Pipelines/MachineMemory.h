//===- MachineMemory.h - Memory that a run may take -------------*- C++ -*-===//

#ifndef MIXLN_PIPELINES_MACHINEMEMORY_H
#define MIXLN_PIPELINES_MACHINEMEMORY_H

#include <cstdint>
#include <string>

namespace mixln {

struct MachineMemory {
  /// Bytes free for a new process: on the CPU MemAvailable and what the
  /// process's cgroups (version 2 and 1) leave, whichever is less.
  int64_t available = 0;
  /// The same without what the runtime needs beside its arena.
  int64_t usable = 0;
  /// Where the number comes from, for people.
  std::string source;
};

/// `root` stands in for / in tests.
MachineMemory getMachineMemory(const std::string &root = "");
/// Of the first GPU; nothing is available where there is none.
MachineMemory getGpuMemory();

} // namespace mixln

#endif // MIXLN_PIPELINES_MACHINEMEMORY_H
