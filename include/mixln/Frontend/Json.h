//===- Json.h - Reading JSON that strangers wrote ---------------*- C++ -*-===//
//
// Configs and norm files are data from outside: bounded in size and nesting,
// every error names file, place, what was found and what was expected. Nothing
// here throws.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_FRONTEND_JSON_H
#define MIXLN_FRONTEND_JSON_H

#include "mlir/Support/LLVM.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/LogicalResult.h"

#include <nlohmann/json.hpp>

#include <string>

namespace mixln {

using Json = nlohmann::ordered_json;

/// The text of a file of at most 1 MiB.
mlir::FailureOr<std::string> readTextFile(llvm::StringRef path,
                                          std::string &error);

/// Parses `text`; `file` is its name in errors.
mlir::FailureOr<Json> parseJson(llvm::StringRef text, llvm::StringRef file,
                                std::string &error);

/// What a value is, for errors: `"abc" (a string)`.
std::string describe(const Json &value);

/// ` (did you mean 'x'?)` for the candidate nearest to `name`, or nothing.
std::string suggest(llvm::StringRef name,
                    llvm::ArrayRef<std::string> candidates);

} // namespace mixln

#endif // MIXLN_FRONTEND_JSON_H
