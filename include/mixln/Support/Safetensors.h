//===- Safetensors.h - Reads and writes safetensors files -------*- C++ -*-===//
//
// The compiler's side of the format: every element as a double. (The runtime
// has its own, which maps files into memory.)
//
// A file is read strictly: the header's tensors must cover the data exactly.
// Errors name the file, the tensor, what was found and what was expected.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_SUPPORT_SAFETENSORS_H
#define MIXLN_SUPPORT_SAFETENSORS_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <string>
#include <vector>

namespace mixln {

struct NamedTensor {
  std::string name;
  /// F32, F64, I32 or I64: the type in the file.
  std::string type;
  llvm::SmallVector<int64_t> shape;
  std::vector<double> data;
};

/// The tensors of the file at `path`, in the order of their data.
llvm::Expected<std::vector<NamedTensor>> readSafetensors(llvm::StringRef path);

/// Parses the bytes of a file; `name` stands for it in errors.
llvm::Expected<std::vector<NamedTensor>> parseSafetensors(llvm::StringRef bytes,
                                                          llvm::StringRef name);

/// Writes `tensors` under a temporary name and then renames it to `path`.
llvm::Error writeSafetensors(llvm::StringRef path,
                             llvm::ArrayRef<NamedTensor> tensors);

} // namespace mixln

#endif // MIXLN_SUPPORT_SAFETENSORS_H
