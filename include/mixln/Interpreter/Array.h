//===- Array.h - Values of the interpreter ----------------------*- C++ -*-===//
//
// A tensor's value: every element is a double, whatever its type is in memory
// (integers up to 2^53 are exact).
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_INTERPRETER_ARRAY_H
#define MIXLN_INTERPRETER_ARRAY_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"

#include <cstdint>
#include <vector>

namespace mixln {

struct Array {
  llvm::SmallVector<int64_t> shape;
  std::vector<double> data;

  /// Every element is `fill`.
  static Array full(llvm::ArrayRef<int64_t> shape, double fill);
  /// Every element is NaN: what nobody has written yet.
  static Array undefined(llvm::ArrayRef<int64_t> shape);

  int64_t getNumElements() const { return static_cast<int64_t>(data.size()); }
};

/// The bf16 nearest to `x`, ties to even.
double roundToBF16(double x);

/// Product of the extents.
int64_t countElements(llvm::ArrayRef<int64_t> shape);

/// Norm of `found - expected` over the norm of `expected` (over one where that
/// is zero); infinite where the numbers of elements differ. NaN in either gives
/// NaN: compare with `!(error <= tolerance)`.
double relativeError(const Array &found, const Array &expected);

} // namespace mixln

#endif // MIXLN_INTERPRETER_ARRAY_H
