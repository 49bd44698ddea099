//===- Arena.cpp ----------------------------------------------------------===//

#include "device/Arena.h"
#include "support/Errors.h"

#include <cerrno>
#include <sys/mman.h>

using namespace mixln::rt;

constexpr int64_t kHugePage = int64_t(2) << 20;

Arena::Arena(int64_t bytes) : bytes(bytes) {
  // One huge page more, to align the beginning by hand.
  mappedBytes = (bytes + kHugePage - 1) / kHugePage * kHugePage + kHugePage;
  mapping = mmap(nullptr, mappedBytes, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED)
    runFailed("cannot get ", bytes, " bytes of memory: ", systemError(errno));
  auto address = reinterpret_cast<uintptr_t>(mapping);
  address = (address + kHugePage - 1) / kHugePage * kHugePage;
  begin = reinterpret_cast<char *>(address);
  // Only a wish: the run is right without it.
  madvise(begin, mappedBytes - kHugePage, MADV_HUGEPAGE);
}

Arena::~Arena() { munmap(mapping, mappedBytes); }
