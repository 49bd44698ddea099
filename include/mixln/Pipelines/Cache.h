//===- Cache.h - Compiled executables by what made them ---------*- C++ -*-===//
//
// mixln-train compiles once for each combination of config, placement, shapes,
// types, CPU and compiler, and keeps the executable under the hash of all of
// them. Simultaneous starts are safe: each compiles into a name of its own and
// renames.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_PIPELINES_CACHE_H
#define MIXLN_PIPELINES_CACHE_H

#include "mixln/Pipelines/Compile.h"

#include <string>

namespace mixln {

/// Creates `directory` with mode 0700 if it is not there. Returns why it must
/// not be used (owned or writable by others, not a folder), or nothing.
std::string prepareCacheDirectory(llvm::StringRef directory);

/// Why a file of the cache must not be run (not a file, owned by others: from
/// a time when the folder was open to them), or nothing.
std::string checkCachedExecutable(llvm::StringRef path);

/// Hash of everything that changes the executable: the contents of the config
/// and of a norm file, the flags, the compiler and the runtime.
/// Returns what is wrong through `error`.
std::string getCacheKey(const CompileOptions &options, std::string &error);

/// Compiles `options` unless the cache has its executable, whose path goes to
/// `executable`. Returns the exit status of the compiler, which has said what
/// is wrong, or 2 with what is wrong with the cache in `error`.
int compileCached(CompileOptions options, std::string &executable,
                  std::string &error);

} // namespace mixln

#endif // MIXLN_PIPELINES_CACHE_H
