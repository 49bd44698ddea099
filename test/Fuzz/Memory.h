//===- Memory.h - Bytes that can be opened by a path ------------*- C++ -*-===//

#ifndef MIXLN_TEST_FUZZ_MEMORY_H
#define MIXLN_TEST_FUZZ_MEMORY_H

#include <cstdint>
#include <string>

namespace mixln::fuzz {

/// A file in memory: what reads files is fed through a path, and no disk is
/// touched.
class MemoryFile {
public:
  MemoryFile(const void *data, size_t size);
  ~MemoryFile();
  MemoryFile(const MemoryFile &) = delete;
  MemoryFile &operator=(const MemoryFile &) = delete;

  std::string path() const;

private:
  int descriptor;
};

/// Fails the run: `holds` is a property that every input must have.
void require(bool holds, const char *property);

} // namespace mixln::fuzz

#endif // MIXLN_TEST_FUZZ_MEMORY_H
