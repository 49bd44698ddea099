//===- AttentionToVector.h - Code of causal attention -----------*- C++ -*-===//
//
// Causal attention with rotary positions, forward and backward, in strips of
// queries over all their keys on the tiles of MatmulToVector:
//
//   task (sequence, key/value head):
//     rotate and pack K, copy V
//     for each query head of the group, for 6 queries:
//       S = Q Kt up to the diagonal; P = exp2(S - max); O = P V / sum
//
// A task owns its head's dK and dV and the dQ of its group, so nothing is
// added by two tasks. Scores are kept in base 2: log2(e) is part of a scale
// that is applied anyway.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_CONVERSION_ATTENTIONTOVECTOR_H
#define MIXLN_CONVERSION_ATTENTIONTOVECTOR_H

#include "mixln/Conversion/KernelBuilder.h"

#include <cmath>

namespace mixln {

/// All of it is part of a kernel's identity; the number of sequences is not.
struct AttentionSpec {
  int64_t seqLen = 0;  ///< T
  int64_t headDim = 0; ///< even
  int64_t heads = 0;
  int64_t kvHeads = 0; ///< divides heads
  double scale = 0;    ///< of q . k; 0: 1 / sqrt(headDim)
  double scoreScale() const {
    return scale > 0 ? scale : 1 / std::sqrt(static_cast<double>(headDim));
  }
  /// Of everything in memory but the tables and lse.
  Element element = Element::F32;
  /// Writes what measurements read: the largest scores and the entropies.
  bool measured = false;
  std::string name() const;
};

/// Number of tasks of either kernel.
int64_t attentionTasks(const AttentionSpec &spec, int64_t sequences);

/// pointers: q [B*T, heads*headDim], k, v [B*T, kvHeads*headDim],
///   cos, sin [T, headDim/2], ctx [B*T, heads*headDim], lse [B*T, heads];
///   where measured: largest scores and entropies [B*T, heads]
/// sizes: none.
void emitAttentionKernel(KernelBuilder &b, llvm::StringRef symbol,
                         const AttentionSpec &spec);
int64_t attentionScratchBytes(const TargetInfo &target,
                              const AttentionSpec &spec);

/// pointers: q, k, v, cos, sin, ctx, lse, dctx, dq, dk, dv
/// sizes: none.
void emitAttentionGradKernel(KernelBuilder &b, llvm::StringRef symbol,
                             const AttentionSpec &spec);
int64_t attentionGradScratchBytes(const TargetInfo &target,
                                  const AttentionSpec &spec);

/// One position over caches of T rows; a task a key/value head.
/// pointers: q, k, v, cos, sin, keys, values, position, ctx, and the caches
///   again, where they lie
/// sizes: none.
void emitAttentionStepKernel(KernelBuilder &b, llvm::StringRef symbol,
                             const AttentionSpec &spec);
int64_t attentionStepScratchBytes(const TargetInfo &target,
                                  const AttentionSpec &spec);

} // namespace mixln

#endif // MIXLN_CONVERSION_ATTENTIONTOVECTOR_H
