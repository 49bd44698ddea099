//===- InMemory.h - Which tensors can lie in memory -------------*- C++ -*-===//

#ifndef MIXLN_LIB_IR_INMEMORY_H
#define MIXLN_LIB_IR_INMEMORY_H

#include "mlir/IR/BuiltinTypes.h"

#include <string>

namespace mixln {

/// What a tensor that lies in memory has and `type` has not; empty if it can
/// lie there. Sizes in bytes then fit an int64_t with room to spare, and
/// nothing is divided by zero.
inline std::string whyNotInMemory(mlir::RankedTensorType type) {
  constexpr int64_t mostOfExtent = int64_t(1) << 40;
  constexpr int64_t mostElements = int64_t(1) << 56;
  if (!type.hasStaticShape())
    return "a static shape";
  if (type.getRank() == 0)
    return "one dimension or more";
  mlir::Type element = type.getElementType();
  if (!element.isF32() && !element.isBF16() && !element.isInteger(32))
    return "elements of type f32, bf16 or i32";
  int64_t elements = 1;
  for (int64_t extent : type.getShape())
    if (extent < 1 || extent > mostOfExtent)
      return "extents of 1 to " + std::to_string(mostOfExtent);
  for (int64_t extent : type.getShape())
    if (__builtin_mul_overflow(elements, extent, &elements) ||
        elements > mostElements)
      return "at most " + std::to_string(mostElements) + " elements";
  return {};
}

} // namespace mixln

#endif // MIXLN_LIB_IR_INMEMORY_H
