//===- Fit.h - Which micro-batch fits in how much memory --------*- C++ -*-===//
//
// A plan knows its memory before anything runs, so the largest micro-batch is
// found by planning: no kernel is built.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_PIPELINES_FIT_H
#define MIXLN_PIPELINES_FIT_H

#include "mixln/Pipelines/Compile.h"

#include "llvm/Support/raw_ostream.h"

#include <map>

namespace mixln {

/// How far recomputation may go.
enum class Recompute {
  Default,     ///< what costs next to nothing
  Checkpoints, ///< --activation_checkpointing
  Least        ///< whatever the limit asks for
};

struct Fit {
  /// The largest micro-batch that fits; 0: not even one sequence does.
  int64_t batchSize = 0;
  /// Bytes of the step for every micro-batch that was tried.
  std::map<int64_t, int64_t> bytes;
  /// What is wrong with the input; nothing else counts then.
  std::string error;
};

/// The largest micro-batch of at most `most` sequences whose step fits into
/// `limit` bytes. `options` says the rest; its batch size is where to look
/// first.
Fit findLargestBatch(const CompileOptions &options, int64_t limit,
                     Recompute recompute, int64_t most);

/// `2.41 GiB`.
std::string formatBytes(int64_t bytes);

/// Why `options`, whose step needs `bytes` at least, does not fit, and what
/// would.
std::string explainMisfit(const CompileOptions &options, int64_t bytes);

/// Prints the table of `mixlnc --fit`; returns the exit status.
int printFit(const CompileOptions &options, int64_t limit,
             llvm::raw_ostream &os);

} // namespace mixln

#endif // MIXLN_PIPELINES_FIT_H
