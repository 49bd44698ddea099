//===- EmbeddingToVector.h - Code of table look-ups -------------*- C++ -*-===//
//
//   embedding:       out[r] = table[ids[r]]
//   its gradient:    grad[v] (+)= sum of dy[r] over ids[r] == v
//
// The gradient walks the distinct tokens of the batch: their positions stand
// side by side in `token_order`, so each row of the table is one task's.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_CONVERSION_EMBEDDINGTOVECTOR_H
#define MIXLN_CONVERSION_EMBEDDINGTOVECTOR_H

#include "mixln/Conversion/KernelBuilder.h"

namespace mixln {

struct EmbeddingSpec {
  Element table = Element::F32, out = Element::F32;
  std::string name() const;
};
/// pointers: table [V, d], ids [R], out [R, d]. sizes: R, d.
void emitEmbeddingKernel(KernelBuilder &b, llvm::StringRef symbol,
                         const EmbeddingSpec &spec);
int64_t embeddingTasks(int64_t rows, int64_t columns);

/// With `accumulate` the gradient is added to what is there.
struct EmbeddingGradSpec {
  bool accumulate = false;
  Element dy = Element::F32;
  std::string name() const;
};
/// pointers: dy [R, d], ids [R], token_order [R], segment_starts [R + 1],
///   into (only with accumulate, at the address of grad), grad [V, d].
/// sizes: R, d, V.
/// phases: zeros (not with accumulate), then the sums.
void emitEmbeddingGradKernel(KernelBuilder &b, llvm::StringRef symbol,
                             const EmbeddingGradSpec &spec,
                             llvm::SmallVectorImpl<std::string> &phases);
/// Tasks of each phase.
llvm::SmallVector<int64_t> embeddingGradTasks(const EmbeddingGradSpec &spec,
                                              int64_t rows, int64_t columns,
                                              int64_t vocabulary);

} // namespace mixln

#endif // MIXLN_CONVERSION_EMBEDDINGTOVECTOR_H
