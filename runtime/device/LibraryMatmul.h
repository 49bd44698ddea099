//===- LibraryMatmul.h - Products as cublasLt is asked for them -*- C++ -*-===//
//
// The one table of what cublasLt does for a program: types, epilogues, layouts,
// leading dimensions, alignments. The CUDA device passes it to the library, the
// emulator computes from it by plain loops, so that a wrong layout is found
// without a GPU.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_RT_DEVICE_LIBRARYMATMUL_H
#define MIXLN_RT_DEVICE_LIBRARYMATMUL_H

#include "mixln-rt/program.h"

#include <cstdint>

namespace mixln::rt {

class ThreadPool;

// Values of the library's enumerations (library_types.h, cublas_api.h,
// cublasLt.h); CudaApiTest holds them against the headers where there are any.
constexpr int kCudaR32F = 0, kCudaR16BF = 14;
constexpr int kCublasOpN = 0, kCublasOpT = 1;
/// No TF32: that would be another compute type.
constexpr int kCublasCompute32F = 68;
constexpr int kEpilogueDefault = 1, kEpilogueBias = 4;

/// What an epilogue of a program is to the library.
struct MatmulEpilogue {
  const char *name; ///< in LibraryMatmul::epilogue
  int value;        ///< cublasLtEpilogue_t
  bool hasBias;     ///< a vector as long as D's columns, of D's type
};

/// Types that may be multiplied; the sums are f32 always.
struct MatmulTypes {
  ElementType a, b, d;
  /// Bytes of which every leading dimension should be a multiple: what the
  /// library's tensor core kernels want. Others are computed too, but may be a
  /// hundred times slower.
  int64_t fastLeadingBytes;
};

/// Addresses of operands are multiples of this; the arena gives more.
constexpr int64_t kMatmulAlignment = 16;

/// A matrix in the library's order: column by column.
struct ColumnLayout {
  int64_t rows = 0, columns = 0;
  int64_t leading = 0; ///< elements from a column to the next
  ElementType type = ElementType::F32;
};

/// The call D' = op(first) op(second) that gives row-major D[m, n] = A B: read
/// column by column a row-major matrix is its own transpose, so D' = B' A'.
struct LibraryCall {
  ColumnLayout first, second, result;
  int transposeFirst = kCublasOpN, transposeSecond = kCublasOpN;
  int64_t rows = 0, columns = 0, depth = 0; ///< of the call: n, m, k
  float beta = 0;                           ///< 1: the addend is added
  MatmulEpilogue epilogue{};
  /// Some leading dimension is not what the fast kernels want.
  bool isSlow = false;
  // Which operand of the dispatch is which; -1: none.
  int firstOperand = 1, secondOperand = 0, resultOperand = 2, biasOperand = -1;
  /// What beta multiplies, laid out as the result: itself, or apart from it.
  int addendOperand = 2;
};

/// Throws RunError where the dispatch asks for what the library does not do, or
/// for bytes that its operands do not have.
LibraryCall describeMatmul(const Kernel &kernel, const Dispatch &dispatch);

/// CUDA's name of a type, as cudaDataType_t.
int cudaDataType(ElementType type);

/// By plain loops, sums in double precision, rounded to f32 before anything is
/// added to them. `pointers` as the operands of the
/// dispatch.
void multiplyByLoops(const LibraryCall &call, void *const *pointers,
                     ThreadPool &pool);

} // namespace mixln::rt

#endif // MIXLN_RT_DEVICE_LIBRARYMATMUL_H
