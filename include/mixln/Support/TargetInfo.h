//===- TargetInfo.h - Facts about a CPU -------------------------*- C++ -*-===//
//
// What the code generators must know of the CPU that they compile for: facts,
// no code. A CPU is given by LLVM's name for it, or is the one running.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_SUPPORT_TARGETINFO_H
#define MIXLN_SUPPORT_TARGETINFO_H

#include <cstdint>
#include <string>
#include <vector>

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace mixln {

struct TargetInfo {
  /// LLVM's name, e.g. znver4.
  std::string cpu;
  /// LLVM's feature string, e.g. +avx512f,-avx512bf16; empty when the name
  /// alone says everything.
  std::string features;
  /// Lanes of f32 in one vector register: 16 with AVX-512, 8 with AVX2.
  int64_t lanes = 8;
  int64_t vectorRegisters = 16;
  bool hasBF16 = false;
  int64_t l1Bytes = 32 << 10;
  int64_t l2Bytes = 1 << 20;
  int64_t lineBytes = 64;

  /// The features, by LLVM's names, without which generated code does not run.
  /// An executable checks them when it starts.
  const std::vector<std::string> &requiredFeatures() const { return used; }

  /// `name` is LLVM's name of a CPU or "native". Fails for an unknown name and
  /// for a CPU without AVX2 and FMA.
  static llvm::Expected<TargetInfo> create(llvm::StringRef name);

private:
  std::vector<std::string> used;
};

} // namespace mixln

#endif // MIXLN_SUPPORT_TARGETINFO_H
