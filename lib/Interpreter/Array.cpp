//===- Array.cpp - Values of the interpreter ------------------------------===//

#include "mixln/Interpreter/Array.h"

#include "llvm/ADT/APFloat.h"

#include <cmath>
#include <limits>

using namespace mixln;

int64_t mixln::countElements(llvm::ArrayRef<int64_t> shape) {
  int64_t count = 1;
  for (int64_t extent : shape)
    count *= extent;
  return count;
}

Array Array::full(llvm::ArrayRef<int64_t> shape, double fill) {
  Array array;
  array.shape.assign(shape.begin(), shape.end());
  array.data.assign(countElements(shape), fill);
  return array;
}

Array Array::undefined(llvm::ArrayRef<int64_t> shape) {
  return full(shape, std::numeric_limits<double>::quiet_NaN());
}

double mixln::roundToBF16(double x) {
  if (std::isnan(x))
    return x;
  llvm::APFloat value(x);
  bool losesInfo;
  value.convert(llvm::APFloat::BFloat(), llvm::APFloat::rmNearestTiesToEven,
                &losesInfo);
  value.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven,
                &losesInfo);
  return value.convertToDouble();
}

double mixln::relativeError(const Array &found, const Array &expected) {
  if (found.data.size() != expected.data.size())
    return std::numeric_limits<double>::infinity();
  double difference = 0, norm = 0;
  for (size_t i = 0; i < found.data.size(); ++i) {
    double a = found.data[i], b = expected.data[i];
    // Equal infinities do not differ.
    if (a != b)
      difference += (a - b) * (a - b);
    if (std::isfinite(b))
      norm += b * b;
  }
  return std::sqrt(difference) / (norm > 0 ? std::sqrt(norm) : 1.0);
}
