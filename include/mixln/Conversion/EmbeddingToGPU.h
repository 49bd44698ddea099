//===- EmbeddingToGPU.h - GPU code of table look-ups ------------*- C++ -*-===//
//
// A look-up copies rows, a few columns a thread. Its gradient adds up the rows
// of each token, which lie together in `order` between two of `starts`:
//
//   block (run, columns):                       8 warps, 32 threads each
//     if starts[run] is not the end:
//       warp w adds rows order[starts[run] + w], + 8, + 16, ... of its columns
//       the warps' sums are added in order, the row of the token is stored
//
// No two blocks write one row, and the order is that of the positions.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_CONVERSION_EMBEDDINGTOGPU_H
#define MIXLN_CONVERSION_EMBEDDINGTOGPU_H

#include "mixln/Conversion/EmbeddingToVector.h"
#include "mixln/Conversion/GpuBuilder.h"
#include "mixln/Interfaces/KernelGenerator.h"

namespace mixln {

/// pointers: table, ids, out. sizes: rows, columns.
Launch gpuEmbeddingLaunch(int64_t rows, int64_t columns);
/// `aligned`: a row is a multiple of 8 columns.
void emitGpuEmbeddingKernel(GpuBuilder &b, llvm::StringRef symbol,
                            const EmbeddingSpec &spec, bool aligned);

/// pointers: dy, ids, order, starts, [into], out. sizes: rows, columns,
/// vocabulary. Without `accumulate` the first phase clears the table.
Launch gpuEmbeddingGradLaunch(const EmbeddingGradSpec &spec, int64_t rows,
                              int64_t columns, int64_t vocabulary);
void emitGpuEmbeddingGradKernel(GpuBuilder &b, llvm::StringRef symbol,
                                const EmbeddingGradSpec &spec, bool aligned,
                                llvm::SmallVectorImpl<std::string> &phases);

} // namespace mixln

#endif // MIXLN_CONVERSION_EMBEDDINGTOGPU_H
