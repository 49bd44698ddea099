//===- KernelSpecs.h - Specifications that all targets share ----*- C++ -*-===//

#ifndef MIXLN_LIB_TARGET_KERNELSPECS_H
#define MIXLN_LIB_TARGET_KERNELSPECS_H

#include "mixln/Conversion/AttentionToVector.h"
#include "mixln/Conversion/EmbeddingToVector.h"
#include "mixln/IR/Mixln.h"
#include "mixln/IR/TensorType.h"

namespace mixln {

inline Element elementOf(mlir::Value tensor) {
  return typeOf(tensor).getElementType().isBF16() ? Element::BF16
                                                  : Element::F32;
}

inline EmbeddingSpec embeddingSpecOf(EmbeddingOp op) {
  return {elementOf(op.getTable()), elementOf(op.getResult())};
}

inline EmbeddingGradSpec embeddingSpecOf(EmbeddingGradOp op) {
  return {/*accumulate=*/op.getInto() != nullptr, elementOf(op.getDy())};
}

/// Of an AttentionOp or an AttentionGradOp.
template <typename OpTy> AttentionSpec attentionSpecOf(OpTy op) {
  AttentionSpec spec;
  spec.seqLen = op.getSeqLen();
  spec.headDim = op.getHeadDim();
  spec.heads = op.getHeads();
  spec.kvHeads = op.getKvHeads();
  spec.element = elementOf(op.getQ());
  spec.scale = op.getScoreScale();
  if constexpr (std::is_same_v<OpTy, AttentionOp>)
    spec.measured = !op.getScores().empty();
  return spec;
}

} // namespace mixln

#endif // MIXLN_LIB_TARGET_KERNELSPECS_H
