//===- AttentionToNVVM.h - GPU code of causal attention ---------*- C++ -*-===//
//
// Causal attention with rotary positions, forward and backward, in tiles of
// queries and keys. No tile of scores leaves its block: the forward keeps a
// running maximum and sum of each query, the backward computes the scores
// again from lse.
//
//   forward, block (sequence, head, tile of queries):
//     for tile of keys up to the diagonal:
//       S = Q Kt; m, l, O rescaled; O += exp(S - m) V
//   backward, phase 0, block (sequence, head, tile of queries):
//     D = sum(dO * O) to the workspace; dQ = sum over keys of dS K
//   backward, phase 1, block (sequence, key/value head, tile of keys):
//     dK, dV = sums over the group's heads and the queries from the diagonal on
//
// Heads of bf16 are multiplied on tensor cores (MmaAttention.cpp), f32 and
// unusual heads by fma on f32 tiles (FmaAttention.cpp).
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_CONVERSION_ATTENTIONTONVVM_H
#define MIXLN_CONVERSION_ATTENTIONTONVVM_H

#include "mixln/Conversion/AttentionToVector.h"
#include "mixln/Conversion/GpuBuilder.h"
#include "mixln/Interfaces/KernelGenerator.h"

namespace mixln {

/// pointers: as on a CPU; sizes: the number of sequences.
Launch gpuAttentionLaunch(const AttentionSpec &spec, const GpuInfo &gpu,
                          int64_t sequences);
void emitGpuAttentionKernel(GpuBuilder &b, llvm::StringRef symbol,
                            const AttentionSpec &spec,
                            llvm::SmallVectorImpl<std::string> &phases);

/// pointers: as on a CPU, then the workspace.
Launch gpuAttentionGradLaunch(const AttentionSpec &spec, const GpuInfo &gpu,
                              int64_t sequences);
void emitGpuAttentionGradKernel(GpuBuilder &b, llvm::StringRef symbol,
                                const AttentionSpec &spec,
                                llvm::SmallVectorImpl<std::string> &phases);

/// One position over caches of T rows (Step.cpp); a block a key/value head.
/// pointers: as on a CPU.
Launch gpuAttentionStepLaunch(const AttentionSpec &spec);
void emitGpuAttentionStepKernel(GpuBuilder &b, llvm::StringRef symbol,
                                const AttentionSpec &spec,
                                llvm::SmallVectorImpl<std::string> &phases);

} // namespace mixln

#endif // MIXLN_CONVERSION_ATTENTIONTONVVM_H
