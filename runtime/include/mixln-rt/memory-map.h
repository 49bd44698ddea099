//===- memory-map.h - What lies where in the arena, when --------*- C++ -*-===//
//
// A program's dispatches say which bytes they read and write, so what an entry
// holds at each of them is known before it runs.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_RT_MEMORY_MAP_H
#define MIXLN_RT_MEMORY_MAP_H

#include "mixln-rt/program.h"

namespace mixln::rt {

enum class MemoryKind {
  Parameter,
  Gradient,
  Moment,
  OtherVariable, ///< inputs, scalars, outputs, constants
  Packed,        ///< weights in a kernel's layout
  Activation,    ///< of the forward
  Recomputed,    ///< of the forward, computed again
  Temporary,     ///< of the backward and the update
  Workspace      ///< of one dispatch
};
constexpr int kMemoryKinds = 9;
const char *memoryKindName(MemoryKind kind);

/// Bytes that hold one value while the dispatches [begin, end] run.
struct MemoryBox {
  MemoryKind kind;
  std::string name; ///< of the tensor, or the site that made it
  int64_t offset = 0, bytes = 0;
  int64_t begin = 0, end = 0;
};

/// All boxes of an entry. A variable that the entry only writes holds nothing
/// before.
std::vector<MemoryBox> mapMemory(const Program &program, const Entry &entry);

/// What an entry holds where it holds most.
struct MemoryPeak {
  int64_t dispatch = 0;
  int64_t bytes[kMemoryKinds] = {};
  int64_t total() const;
  /// Bytes of the arena that the entry touches, and the gaps between them.
  int64_t reach = 0;
};
MemoryPeak findMemoryPeak(const Program &program, const Entry &entry);

} // namespace mixln::rt

#endif // MIXLN_RT_MEMORY_MAP_H
