//===- Memory.cpp - Bytes that can be opened by a path --------------------===//

#include "Memory.h"

#include <cstdio>
#include <cstdlib>
#include <sys/mman.h>
#include <unistd.h>

using namespace mixln::fuzz;

MemoryFile::MemoryFile(const void *data, size_t size)
    : descriptor(memfd_create("input", MFD_CLOEXEC)) {
  const char *at = static_cast<const char *>(data);
  while (descriptor >= 0 && size > 0) {
    ssize_t done = write(descriptor, at, size);
    require(done > 0, "a file in memory takes its bytes");
    at += done;
    size -= done;
  }
  require(descriptor >= 0, "a file in memory can be made");
}

MemoryFile::~MemoryFile() { close(descriptor); }

std::string MemoryFile::path() const {
  return "/proc/self/fd/" + std::to_string(descriptor);
}

void mixln::fuzz::require(bool holds, const char *property) {
  if (holds)
    return;
  std::fprintf(stderr, "does not hold: %s\n", property);
  std::abort();
}
