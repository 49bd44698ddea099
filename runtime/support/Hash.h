//===- Hash.h - 64-bit hashes of data (xxhash) ------------------*- C++ -*-===//

#ifndef MIXLN_RT_SUPPORT_HASH_H
#define MIXLN_RT_SUPPORT_HASH_H

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace mixln::rt {

uint64_t hashBytes(const void *data, size_t size, uint64_t seed = 0);

/// Sixteen hexadecimal digits.
std::string hexHash(uint64_t hash);

/// The hash of a sequence of pieces.
class StreamHash {
public:
  StreamHash();
  ~StreamHash();
  StreamHash(const StreamHash &) = delete;
  StreamHash &operator=(const StreamHash &) = delete;

  void add(const void *data, size_t size);
  uint64_t value() const;

private:
  struct State;
  std::unique_ptr<State> state;
};

} // namespace mixln::rt

#endif // MIXLN_RT_SUPPORT_HASH_H
