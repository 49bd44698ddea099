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

/// What the five products inside multiply: bf16 where the operands are bf16 and
/// the CPU has instructions for that, else f32.
Element innerElement(const TargetInfo &target, const AttentionSpec &spec);

/// All rows of the launch's operands have the elements of the spec; rows of
/// scratch are f32 unless a piece says otherwise.

/// (from, ld, cos, sin, to, rows): rotates rows of one head by the tables' rows
/// and lays them out paddedDim apart, as f32 or bf16.
mlir::LLVM::LLVMFuncOp rotateRows(KernelBuilder &b, const AttentionSpec &spec,
                                  Element to);
/// (from, cos, sin, scale, to, ld, rows): the transpose of rotateRows, scaled,
/// from rows paddedDim apart.
mlir::LLVM::LLVMFuncOp unrotateRows(KernelBuilder &b,
                                    const AttentionSpec &spec);
/// (from, ld, to, rows): rows paddedDim apart, zeros after head_dim.
mlir::LLVM::LLVMFuncOp gatherRows(KernelBuilder &b, const AttentionSpec &spec);
/// (from, to, ld, rows): the other way.
mlir::LLVM::LLVMFuncOp scatterRows(KernelBuilder &b, const AttentionSpec &spec);

/// (A, lda, B, C, rows, depth): C = A * B for B and C with rows paddedDim
/// apart. Of the inner element; depth counts words, which are pairs of rows of
/// B.
mlir::LLVM::LLVMFuncOp timesRows(KernelBuilder &b, const AttentionSpec &spec);

/// (S, valid, end, factor, max, sum): softmax of factor * S in base 2 without
/// the division, over S as f32 or bf16: keys [valid, end) become 0; stores the
/// maximum and the sum. `measured`: an eighth argument takes the sum of each
/// probability (before the division) times its logarithm in base 2.
mlir::LLVM::LLVMFuncOp softmaxRow(KernelBuilder &b, Element to,
                                  bool measured = false);
/// (S, dP, valid, end, factor, shift, D): S becomes P = exp2(factor * S +
/// shift) and dP becomes dS = P * (dP - D) in one row; 0 for keys [valid, end).
mlir::LLVM::LLVMFuncOp gradRow(KernelBuilder &b);
/// (S, dP, stride, words of P, of dS, valid, valid, end, factor, shift, D,
/// shift, D): the same of two rows, `stride` apart, whose P and dS are stored
/// as words of both; dS also as bf16 over each row of dP.
mlir::LLVM::LLVMFuncOp gradRowPair(KernelBuilder &b);

/// Loops over [0, headDim) in vectors: body(offset, mask or null).
void forVectors(KernelBuilder &b, int64_t extent,
                llvm::function_ref<void(int64_t, mlir::Value)> body);

} // namespace mixln::attention

#endif // MIXLN_CONVERSION_ATTENTIONTOVECTOR_HEADS_H
