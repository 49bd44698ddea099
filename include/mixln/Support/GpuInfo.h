//===- GpuInfo.h - Facts about an NVIDIA GPU --------------------*- C++ -*-===//
//
// What the code generators must know of the GPU that they compile for: facts,
// no code.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_SUPPORT_GPUINFO_H
#define MIXLN_SUPPORT_GPUINFO_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <string>

namespace mixln {

struct GpuInfo {
  /// LLVM's and ptxas's name, e.g. sm_80 or sm_90a.
  std::string arch;
  /// LLVM's feature string: the PTX version that the architecture needs.
  std::string features;
  /// Shared memory that one block may ask for.
  int64_t sharedBytes = 0;
  /// 32-bit registers of a multiprocessor, and the most that a thread may
  /// have.
  int64_t registers = 65536, threadRegisters = 255;
  /// Multiprocessors of the largest part: work is cut into at least so many
  /// blocks where there is enough of it.
  int64_t multiprocessors = 0;

  /// Fails for a name that is not in the table.
  static llvm::Expected<GpuInfo> create(llvm::StringRef arch);

  /// The name in the table whose code a GPU of `arch` runs best: its own, else
  /// the latest that is older and not bound to one generation; empty for none.
  static std::string getNearest(llvm::StringRef arch);
};

} // namespace mixln

#endif // MIXLN_SUPPORT_GPUINFO_H
