//===- CompileFlags.h - The flags that fix an executable --------*- C++ -*-===//
//
// mixlnc and mixln-train take the same flags for what is fixed at compile time.
// In every tool '-' and '_' are interchangeable in a flag's name, synonyms
// work, and of a flag given twice the last one counts.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_PIPELINES_COMPILEFLAGS_H
#define MIXLN_PIPELINES_COMPILEFLAGS_H

#include "mixln/Pipelines/Compile.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"

#include <string>

namespace mixln {

struct CompileFlag {
  llvm::StringRef name;
  llvm::StringRef placeholder; ///< empty: no value
  llvm::StringRef help;
  /// Stores `value`; returns what is wrong with it, or nothing.
  std::string (*set)(CompileOptions &options, llvm::StringRef value);
};

/// Bytes of `2GiB`, `512MiB`, `2G` (the same as 2GiB), `2GB` (10^9), `1.5GiB`
/// or a plain number; nothing for other texts.
std::optional<int64_t> parseBytes(llvm::StringRef text);

/// All flags that fix an executable, in the order of the help.
llvm::ArrayRef<CompileFlag> getCompileFlags();

/// The canonical name of a flag: without leading dashes, '-' as '_', synonyms
/// resolved (max_length -> seq_len).
std::string canonicalFlag(llvm::StringRef argument);

/// The flag of that canonical name, or null.
const CompileFlag *findCompileFlag(llvm::StringRef name);

/// What --target cuda compiles for: what was asked for, else this machine's
/// GPU, else sm_80.
std::string getGpuArch(const CompileOptions &options);

/// Takes the compile flags out of `arguments` (which loses them) and into
/// `options`. Returns what is wrong, or nothing.
std::string takeCompileFlags(llvm::SmallVectorImpl<std::string> &arguments,
                             CompileOptions &options);

} // namespace mixln

#endif // MIXLN_PIPELINES_COMPILEFLAGS_H
