//===- GpuInfo.cpp - Facts about an NVIDIA GPU ----------------------------===//

#include "mixln/Support/GpuInfo.h"

using namespace llvm;
using namespace mixln;

namespace {
struct Row {
  const char *arch;
  const char *features;
  int64_t sharedBytes;
  int64_t multiprocessors;
};
} // namespace

static constexpr Row table[] = {
    {"sm_80", "+ptx80", 163 << 10, 108}, // A100
    {"sm_86", "+ptx80", 99 << 10, 84},   // GeForce 30, A40
    {"sm_89", "+ptx80", 99 << 10, 142},  // GeForce 40, L40
    {"sm_90", "+ptx80", 227 << 10, 132}, // H100, H200
    {"sm_90a", "+ptx88", 227 << 10, 132},
};

Expected<GpuInfo> GpuInfo::create(StringRef arch) {
  std::string known;
  for (const Row &row : table) {
    if (arch == row.arch) {
      GpuInfo info;
      info.arch = row.arch;
      info.features = row.features;
      info.sharedBytes = row.sharedBytes;
      info.multiprocessors = row.multiprocessors;
      return info;
    }
    known += (known.empty() ? "" : ", ") + std::string(row.arch);
  }
  return createStringError("is '" + arch + "', expected one of " + known);
}

/// 90 of sm_90a.
static int numberOf(StringRef arch) {
  int number = 0;
  arch.consume_front("sm_");
  arch.consumeInteger(10, number);
  return number;
}

std::string GpuInfo::getNearest(StringRef arch) {
  std::string nearest;
  for (const Row &row : table) {
    if (arch == row.arch)
      return row.arch;
    if (!StringRef(row.arch).ends_with("a") &&
        numberOf(row.arch) <= numberOf(arch))
      nearest = row.arch;
  }
  return nearest;
}
