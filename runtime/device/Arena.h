//===- Arena.h - One zeroed block of memory ---------------------*- C++ -*-===//

#ifndef MIXLN_RT_DEVICE_ARENA_H
#define MIXLN_RT_DEVICE_ARENA_H

#include <cstdint>

namespace mixln::rt {

/// Zeroed memory, aligned to 2 MiB and asked to lie in huge pages.
class Arena {
public:
  /// Throws RunError when the system has not that much memory.
  explicit Arena(int64_t bytes);
  ~Arena();
  Arena(const Arena &) = delete;
  Arena &operator=(const Arena &) = delete;

  char *data() const { return begin; }
  int64_t size() const { return bytes; }

private:
  void *mapping = nullptr;
  int64_t mappedBytes = 0;
  char *begin = nullptr;
  int64_t bytes = 0;
};

} // namespace mixln::rt

#endif // MIXLN_RT_DEVICE_ARENA_H
