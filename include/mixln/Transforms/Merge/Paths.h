//===- Paths.h - Row programs between matmuls -------------------*- C++ -*-===//

#ifndef MIXLN_TRANSFORMS_MERGE_PATHS_H
#define MIXLN_TRANSFORMS_MERGE_PATHS_H

#include "mixln/IR/Mixln.h"

namespace mixln {

/// Fails where a row program reads the rows of another with no matmul,
/// attention, embedding or sum over rows on any path between them. Elsewhere
/// every path between two such operations has at most one row program (one that
/// a residual crosses has others where it passes them). Emits an error that
/// names both.
llvm::LogicalResult verifyOneRowProgramPerPath(EntryOp entry);

} // namespace mixln

#endif // MIXLN_TRANSFORMS_MERGE_PATHS_H
