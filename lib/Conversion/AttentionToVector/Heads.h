//===- Heads.h - Pieces that attention's two kernels share ------*- C++ -*-===//
//
// All of them are private functions of the module, written once.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_CONVERSION_ATTENTIONTOVECTOR_HEADS_H
#define MIXLN_CONVERSION_ATTENTIONTOVECTOR_HEADS_H

#include "mixln/Conversion/AttentionToVector.h"
#include "mixln/Conversion/MatmulToVector.h"

namespace mixln::attention {

/// Extents in memory: rows of scratch are whole vectors.
struct Layout {
  Layout(const TargetInfo &target, const AttentionSpec &spec);
  int64_t paddedDim; ///< head_dim in whole vectors
  int64_t panels;    ///< panels of T columns
  int64_t packed;    ///< elements of all panels
  /// Elements from a row of scores to the next one; room for zeros to the
  /// right of the diagonal.
  int64_t scoreStride;
};

/// Hands out pieces of scratch, each on a line of its own.
class Scratch {
public:
  int64_t take(int64_t elements) {
    int64_t at = next;
    next += (elements + 15) / 16 * 16;
    return at;
  }
  int64_t bytes() const { return next * 4; }

private:
  int64_t next = 0;
};

constexpr double kLog2E = 1.4426950408889634;
constexpr double kLn2 = 0.6931471805599453;

/// 2^x for x <= 0 or a little more; relative error 2e-7.
mlir::Value exp2(KernelBuilder &b, mlir::Value x);

/// All rows of the launch's operands have the elements of the spec; rows of
/// scratch are f32.

/// (from, ld, cos, sin, scale, to, rows): rotates rows of one head by the
/// tables' rows, scales them, and lays them out paddedDim apart.
mlir::LLVM::LLVMFuncOp rotateRows(KernelBuilder &b, const AttentionSpec &spec);
/// (from, cos, sin, scale, to, ld, rows): the transpose of rotateRows, from
/// rows paddedDim apart.
mlir::LLVM::LLVMFuncOp unrotateRows(KernelBuilder &b,
                                    const AttentionSpec &spec);
/// (from, ld, scale, to, rows): scaled rows paddedDim apart, zeros after
/// head_dim.
mlir::LLVM::LLVMFuncOp gatherRows(KernelBuilder &b, const AttentionSpec &spec);
/// (from, to, ld, rows): the other way.
mlir::LLVM::LLVMFuncOp scatterRows(KernelBuilder &b, const AttentionSpec &spec);

/// (A, lda, B, C, rows, depth): C = A * B for B and C with rows paddedDim
/// apart.
mlir::LLVM::LLVMFuncOp timesRows(KernelBuilder &b, const AttentionSpec &spec);

/// Loops over [0, headDim) in vectors: body(offset, mask or null).
void forVectors(KernelBuilder &b, int64_t extent,
                llvm::function_ref<void(int64_t, mlir::Value)> body);

} // namespace mixln::attention

#endif // MIXLN_CONVERSION_ATTENTIONTOVECTOR_HEADS_H
