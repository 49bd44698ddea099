//===- NearestName.h - What a misspelt name may have meant ------*- C++ -*-===//

#ifndef MIXLN_SUPPORT_NEARESTNAME_H
#define MIXLN_SUPPORT_NEARESTNAME_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <optional>
#include <string>

namespace mixln {

/// The name in `candidates` nearest to `name` by edit distance, if one is near
/// enough to be meant.
std::optional<std::string>
nearestName(llvm::StringRef name, llvm::ArrayRef<llvm::StringRef> candidates);

} // namespace mixln

#endif // MIXLN_SUPPORT_NEARESTNAME_H
