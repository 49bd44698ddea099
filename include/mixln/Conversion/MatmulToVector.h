//===- MatmulToVector.h - Code of matrix products ---------------*- C++ -*-===//
//
// Products of row-major matrices as register-tiled vector loops:
//
//   task (block of rows, block of columns):
//     for block of the inner dimension:      later blocks add to C
//       for panel of 64 columns:             the panel stays in L2
//         for 6 rows:                        24 sums in registers
//           for k: 4 vectors of B, 6 broadcasts of A, 24 fma
//
// The right side is packed in panels (`PackSpec`) or, for the gradients of
// weights, read in place. All extents are numbers of the launch, so one kernel
// serves every shape. The sum of an element is formed in the same order
// whatever the tasks are.
//
// Products of bf16 read words (see KernelBuilder.h): rows of A hold them
// already, panels of B and both sides of a gradient are laid out so that their
// words are pairs along the inner dimension. Sums are f32; those of a bf16
// result that are formed in parts wait in scratch until they are whole.
//
// With AVX2 a tile is half as wide and reads memory twice as often for the same
// work; without an instruction for words each must be split into two f32. Both
// sides are then copied once a block, by tiles of f32 (Gather.h of the
// library):
//
//   block of A -> [rows / 6][K][6], panel of B -> [K][16]
//
// A packed panel of f32 lies so already, and the next one is fetched while one
// is read. A block is then short along K, and sums of all results wait.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_CONVERSION_MATMULTOVECTOR_H
#define MIXLN_CONVERSION_MATMULTOVECTOR_H

#include "mixln/Conversion/KernelBuilder.h"

namespace mixln {

/// C_i[M, N_i] = op(A_i) * op(B_i), or with `reduce` C = sum_i op(A_i) *
/// op(B_i). A list of length one is used for all products.
struct MatmulSpec {
  int64_t numLhs = 1;
  int64_t numRhs = 1;
  /// A_i is stored [K, M].
  bool transposeLhs = false;
  /// B_i is in the panels of `pack`; otherwise it is [K, N], read in place.
  /// A gradient of a weight (transposeLhs) may do either: packing X costs
  /// about 1 % of one product of 512 rows, may be shared by several, and gains
  /// 3 to 15 % with AVX-512, 12 to 20 % with AVX2.
  bool rhsPacked = true;
  /// Adds to C. The kernel then has the operands `into`, at the addresses of
  /// its results.
  bool accumulate = false;
  bool reduce = false;
  /// Of both sides.
  Element product = Element::F32;
  /// Bit i: result i is bf16 in memory. Not with `accumulate`.
  uint64_t bf16Results = 0;
  /// Some product of bf16 has a row of A with an odd number of elements, whose
  /// last word is half there.
  bool oddDepth = false;

  Element result(int64_t i) const {
    return bf16Results >> i & 1 ? Element::BF16 : Element::F32;
  }
  int64_t numProducts() const { return std::max(numLhs, numRhs); }
  int64_t numResults() const { return reduce ? 1 : numProducts(); }
  /// A name for the kernel; equal specs have equal names.
  std::string name() const;
};

/// Extents of one product. Leading dimensions count elements from a row to the
/// next one of the stored matrix; 0 means dense.
struct MatmulExtents {
  int64_t n = 0, k = 0;
  int64_t lda = 0, ldb = 0, ldc = 0;
};

/// The launch of a matmul kernel.
///
/// pointers: lhs..., rhs..., into... (only with accumulate), results...
/// sizes: M, column tasks, then for each product K, N, lda, ldb, ldc (ldb is
/// not read for a packed rhs).
struct MatmulLaunch {
  int64_t tasks = 1;
  llvm::SmallVector<int64_t> sizes;
  /// Per worker, for copies of sides and for sums that are formed in parts.
  int64_t scratchBytes = 0;
};
MatmulLaunch matmulLaunch(const TargetInfo &target, const MatmulSpec &spec,
                          int64_t m, llvm::ArrayRef<MatmulExtents> products);

/// One phase named `symbol`.
void emitMatmulKernel(KernelBuilder &b, llvm::StringRef symbol,
                      const MatmulSpec &spec);

/// Lays B out in panels [N/NR][K][NR], zeros to the right of column N; panels
/// of bf16 are [N/NR][ceil(K/2)][NR][2], zeros below row K.
/// pointers: B, packed. sizes: N, K, leading dimension of B.
struct PackSpec {
  /// B is stored [N, K] (a weight [out, in] of x * W^T), else [K, N].
  bool transposed = true;
  /// bf16 is not made f32.
  Element from = Element::F32, to = Element::F32;
  std::string name() const;
};
/// Columns of a panel: NR.
int64_t panelColumns(const TargetInfo &target);
int64_t packedElements(const TargetInfo &target, int64_t n, int64_t k,
                       Element element = Element::F32);
int64_t packTasks(const TargetInfo &target, int64_t n, int64_t k);
llvm::SmallVector<int64_t> packSizes(const PackSpec &spec, int64_t n, int64_t k,
                                     int64_t ldb = 0);
void emitPackKernel(KernelBuilder &b, llvm::StringRef symbol,
                    const PackSpec &spec);

/// Lays out the bf16 of a matrix [R, D] in pairs of rows, [ceil(R/2)][D][2],
/// zeros below row R: either side of the gradient of a weight.
/// pointers: matrix, pairs. sizes: R, D.
struct PairSpec {
  Element from = Element::F32;
  std::string name() const;
};
int64_t pairedElements(int64_t rows, int64_t columns);
int64_t pairTasks(int64_t rows, int64_t columns);
void emitPairKernel(KernelBuilder &b, llvm::StringRef symbol,
                    const PairSpec &spec);

/// Rows of the register tile, by which other kernels cut their work.
int64_t tileRows(const TargetInfo &target);

/// What a block or a micro kernel does with its sums.
enum MatmulFlags : int64_t {
  /// Adds to C; where sums wait in scratch, to those.
  kAdd = 1,
  /// Leaves the sums in scratch.
  kKeep = 2,
  /// The last word of a row of A is half there.
  kHalfWord = 4,
  /// Adds what waited in scratch and is whole now to C.
  kAddWhole = 8,
};

/// Private functions that other kernels build on.
///
/// (A, lda, B, ldb, C, ldc, firstRow, lastRow, firstPanel, lastPanel, N, depth,
/// flags, partial) computes those rows and panels of one product. `depth`
/// counts words of K. `partial` holds the sums that are not yet whole, rows
/// from `firstRow` on: of bf16 results those of one panel, with `gather` of any
/// results those of all panels, beside the copies.
struct BlockSpec {
  bool transposeLhs = false;
  bool rhsPacked = true;
  Element product = Element::F32, result = Element::F32;
  bool oddDepth = false;
  /// Sides are copied in `partial` first, but for a packed B of f32. Attention
  /// has no scratch for that.
  bool gather = false;
  /// Whether sums wait in `partial` until they are whole. Those of f32 could be
  /// added to C part by part, which a block that gathers would read from far
  /// away: its parts are short.
  bool keepsSums() const { return gather || result == Element::BF16; }
};
mlir::LLVM::LLVMFuncOp blockFunction(KernelBuilder &b, const BlockSpec &spec);
/// (B, ldb, packed, N, K, firstPanel, lastPanel) packs those panels.
mlir::LLVM::LLVMFuncOp packFunction(KernelBuilder &b, const PackSpec &spec);

/// (from, ld, to, columns, K) packs `lanes` columns of a panel from as many
/// rows of a transposed B, of which `columns` exist.
mlir::LLVM::LLVMFuncOp packSquareFunction(KernelBuilder &b,
                                          const PackSpec &spec);

/// (from, ld, to, ldTo, R, D, firstPair, lastPair) pairs those rows; `ldTo`
/// counts words.
mlir::LLVM::LLVMFuncOp pairFunction(KernelBuilder &b, const PairSpec &spec);
/// (rows, ld, to, stride, R, D): the words of R = 1 or 2 rows of bf16, as one
/// row of pairs or, with `panels`, as a row of each panel of NR columns, the
/// panels `stride` words apart.
mlir::LLVM::LLVMFuncOp pairRowsFunction(KernelBuilder &b, bool panels);

/// The innermost piece, a private function:
/// (A, lda, B, ldb, C, ldc, depth, columns, flags, partial) computes `rows`
/// rows of `vectors` registers each; `columns` of them are stored.
struct MicroKernelSpec {
  int64_t rows = 6;
  int64_t vectors = 4;
  bool transposeLhs = false;
  Element product = Element::F32, result = Element::F32;
  bool oddDepth = false;
  /// Words from a row of B to the next; 0: `ldb` at run time.
  int64_t rhsStride = 0;
  /// Words from a row of A^T to the next; 0: `lda` at run time.
  int64_t lhsStride = 0;
  /// B may end after `columns`.
  bool maskRhs = false;
  /// All columns exist: no masks at all. AVX-512 masks for free, AVX2 does not.
  bool whole = false;
  /// Steps of k that both operands are prefetched ahead (a packed B is not:
  /// the hardware does it); 0 = none.
  int64_t prefetchSteps = 0;
  /// Elements from a row of `partial` to the next; 0: sums of f32 that are
  /// added to C.
  int64_t partialStride = 0;
  std::string name() const;
};
mlir::LLVM::LLVMFuncOp microKernel(KernelBuilder &b,
                                   const MicroKernelSpec &spec);

/// Calls micro kernels for rows [from, to): `spec.rows` at a time, then 4, 2
/// and 1. `emitCall` gets the micro kernel and the row it starts at.
void forRowTiles(
    KernelBuilder &b, mlir::Value from, mlir::Value to, MicroKernelSpec spec,
    llvm::function_ref<void(mlir::LLVM::LLVMFuncOp, mlir::Value)> emitCall);

/// Runs `body` with the number of vectors, 1 to `most`, that `columns` need.
void switchOnVectors(KernelBuilder &b, mlir::Value columns, int64_t most,
                     llvm::function_ref<void(int64_t)> body);

} // namespace mixln

#endif // MIXLN_CONVERSION_MATMULTOVECTOR_H
