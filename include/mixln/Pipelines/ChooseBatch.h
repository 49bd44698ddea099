//===- ChooseBatch.h - --batch_size auto ------------------------*- C++ -*-===//

#ifndef MIXLN_PIPELINES_CHOOSEBATCH_H
#define MIXLN_PIPELINES_CHOOSEBATCH_H

#include "mixln/Pipelines/Compile.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/raw_ostream.h"

#include <string>

namespace mixln {

/// Sets the micro-batch of `options` to the most sequences that fit into memory
/// (the machine's, or `--memory_limit`) and divide `--total_batch_size`, which
/// is read from the run's `arguments`. The choice goes to `said`; returns what
/// is wrong, or nothing.
std::string chooseBatch(CompileOptions &options,
                        llvm::ArrayRef<std::string> arguments,
                        llvm::raw_ostream &said);

} // namespace mixln

#endif // MIXLN_PIPELINES_CHOOSEBATCH_H
