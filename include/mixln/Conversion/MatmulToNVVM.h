//===- MatmulToNVVM.h - GPU code of matrix products -------------*- C++ -*-===//
//
// D[m, n] (+)= op(A)[m, k] op(B)[k, n] without a library, all row major. A
// block computes a tile of D from tiles of A and B that are zero beyond the
// matrices:
//
//   sums = 0; A[0], B[0] on their way
//   for depth in 0, K, 2 K, ... k:
//     wait for A, B; the next ones on their way into the other half of the
//     shared memory; sums += A B
//   sums to shared memory as f32; rows of 8 columns to D
//
// bf16 by mma.sync, whose tiles are copied by cp.async where rows are multiples
// of 16 bytes and by single loads otherwise (MmaMatmul.cpp); f32 by fma, sums
// in the order of k (FmaMatmul.cpp). Nothing is split along k, so the order of
// a sum depends on shapes alone.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_CONVERSION_MATMULTONVVM_H
#define MIXLN_CONVERSION_MATMULTONVVM_H

#include "mixln/Conversion/GpuBuilder.h"
#include "mixln/Interfaces/KernelGenerator.h"

namespace mixln {
class JoinedOp;

/// All of it is part of a kernel's identity; the sizes are not.
struct GpuMatmulSpec {
  bool transposeA = false; ///< A is stored [k, m]
  bool transposeB = false; ///< B is stored [n, k]
  bool accumulate = false; ///< adds to D
  Element side = Element::F32, result = Element::F32;
  /// Whether all rows are multiples of 8 elements.
  bool aligned = true;
  /// Large tiles: worth it where there are many.
  bool large = false;
  std::string name() const;
};

struct GpuMatmulSizes {
  int64_t m = 0, n = 0, k = 0;
  int64_t leadingA = 0, leadingB = 0, leadingD = 0; ///< elements of a row
};

/// Whether `sizes` have tiles enough for large ones.
bool wantsLargeTiles(const GpuInfo &gpu, const GpuMatmulSpec &spec,
                     const GpuMatmulSizes &sizes);

/// sizes: those of GpuMatmulSizes, in their order.
Launch gpuMatmulLaunch(const GpuMatmulSpec &spec, const GpuMatmulSizes &sizes);

/// pointers: A, B, where it accumulates what is added to, D.
void emitGpuMatmulKernel(GpuBuilder &b, llvm::StringRef symbol,
                         const GpuMatmulSpec &spec);

/// The product of `op` with its row program where the tile is stored (one for
/// which isGpuElementwise holds). pointers: as inputs and outputs of `op`
/// stand.
void emitGpuJoinedKernel(GpuBuilder &b, llvm::StringRef symbol,
                         const GpuMatmulSpec &spec, JoinedOp op);

} // namespace mixln

#endif // MIXLN_CONVERSION_MATMULTONVVM_H
