//===- Hash.cpp -----------------------------------------------------------===//

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "support/Hash.h"

#include <cstdio>

using namespace mixln::rt;

uint64_t mixln::rt::hashBytes(const void *data, size_t size, uint64_t seed) {
  return XXH64(data, size, seed);
}

std::string mixln::rt::hexHash(uint64_t hash) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx",
                static_cast<unsigned long long>(hash));
  return text;
}

struct StreamHash::State {
  XXH64_state_t xxh;
};

StreamHash::StreamHash() : state(std::make_unique<State>()) {
  XXH64_reset(&state->xxh, 0);
}
StreamHash::~StreamHash() = default;

void StreamHash::add(const void *data, size_t size) {
  XXH64_update(&state->xxh, data, size);
}

uint64_t StreamHash::value() const { return XXH64_digest(&state->xxh); }
