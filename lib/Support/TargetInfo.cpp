//===- TargetInfo.cpp - Facts about a CPU ---------------------------------===//

#include "mixln/Support/TargetInfo.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/X86TargetParser.h"

#include <algorithm>

using namespace mixln;

static const char *const kAvx2Features[] = {"avx2", "fma"};
static const char *const kAvx512Features[] = {"avx512f", "avx512bw", "avx512vl",
                                              "avx512dq"};

// What the code generator uses unasked once a CPU's name allows it: vectors,
// bits, moves. The rest of a CPU's features (tiles, keys, random numbers) are
// instructions that nothing here asks for, and virtual machines hide them.
static const char *const kUsedUnasked[] = {
    "sse3",
    "ssse3",
    "sse4.1",
    "sse4.2",
    "popcnt",
    "movbe",
    "lzcnt",
    "bmi",
    "bmi2",
    "sse4a",
    "tbm",
    "xop",
    "fma4",
    "f16c",
    "avx",
    "avx2",
    "fma",
    "gfni",
    "avxvnni",
    "avxifma",
    "avxneconvert",
    "avxvnniint8",
    "avxvnniint16",
    "avx512f",
    "avx512bw",
    "avx512vl",
    "avx512dq",
    "avx512cd",
    "avx512ifma",
    "avx512vbmi",
    "avx512vbmi2",
    "avx512vnni",
    "avx512bitalg",
    "avx512bf16",
    "avx512fp16",
    "avx512vpopcntdq",
    "avx10.1",
    "avx10.2",
    // APX: more registers and forms of plain instructions.
    "egpr",
    "ndd",
    "nf",
    "cf",
    "zu",
    "ccmp",
    "ppx",
    "push2pop2",
};

static bool hasAll(const llvm::StringSet<> &present,
                   llvm::ArrayRef<const char *> names) {
  return llvm::all_of(names,
                      [&](const char *name) { return present.count(name); });
}

llvm::Expected<TargetInfo> TargetInfo::create(llvm::StringRef name) {
  TargetInfo info;
  llvm::StringSet<> present;
  if (name.empty() || name == "native") {
    info.cpu = llvm::sys::getHostCPUName().str();
    // A virtual machine may hide features that the CPU's name promises.
    std::vector<std::string> parts;
    for (const auto &feature : llvm::sys::getHostCPUFeatures()) {
      parts.push_back((feature.second ? "+" : "-") + feature.first().str());
      if (feature.second)
        present.insert(feature.first());
    }
    std::sort(parts.begin(), parts.end());
    for (const std::string &part : parts)
      info.features += (info.features.empty() ? "" : ",") + part;
  } else {
    llvm::SmallVector<llvm::StringRef> known;
    llvm::X86::fillValidCPUArchList(known, /*Only64Bit=*/true);
    if (!llvm::is_contained(known, name))
      return llvm::createStringError("unknown CPU '" + name.str() +
                                     "', expected 'native' or a name that LLVM "
                                     "knows, such as x86-64-v3 or znver4");
    info.cpu = name.str();
    llvm::SmallVector<llvm::StringRef> features;
    llvm::X86::getFeaturesForCPU(name, features);
    // The lists leave out what other features imply.
    llvm::StringMap<bool> implied;
    for (llvm::StringRef feature : features) {
      implied[feature] = true;
      llvm::X86::updateImpliedFeatures(feature, /*Enabled=*/true, implied);
    }
    for (const auto &feature : implied)
      if (feature.second)
        present.insert(feature.first());
  }
  if (!hasAll(present, kAvx2Features))
    return llvm::createStringError(
        "CPU '" + info.cpu + "' lacks avx2 or fma, which are the least needed");
  if (hasAll(present, kAvx512Features)) {
    info.lanes = 16;
    info.vectorRegisters = 32;
  }
  info.hasBF16 = info.lanes == 16 && present.count("avx512bf16");
  for (const char *feature : kUsedUnasked)
    if (present.count(feature))
      info.used.push_back(feature);
  return info;
}
