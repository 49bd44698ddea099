//===- Arena.cpp - Memory of a planned entry ------------------------------===//

#include "Arena.h"

#include <algorithm>
#include <limits>

using namespace mlir;
using namespace mixln;

static int64_t elementBytes(RankedTensorType type) {
  return type.getElementTypeBitWidth() / 8;
}

int64_t Arena::getBytes(RankedTensorType type) {
  return type.getNumElements() * elementBytes(type);
}

void Arena::forget(int64_t begin, int64_t end) {
  end = std::min(end, getSize());
  if (begin >= end)
    return;
  int64_t first = begin / kCellBytes;
  std::fill(sizes.begin() + first, sizes.begin() + end / kCellBytes, 0);
  // An element that began before and reached in is gone too.
  if (first > 0 && sizes[first - 1] > kCellBytes)
    sizes[first - 1] = 0;
}

void Arena::write(int64_t offset, RankedTensorType type, const Array &value) {
  int64_t end = offset + getBytes(type), bytes = elementBytes(type);
  if (end > getSize()) {
    values.resize((end + kCellBytes - 1) / kCellBytes);
    sizes.resize(values.size());
  }
  forget(offset, end);
  for (int64_t i = 0; i < value.getNumElements(); ++i) {
    int64_t cell = (offset + i * bytes) / kCellBytes;
    values[cell] = value.data[i];
    sizes[cell] = bytes;
  }
}

Array Arena::read(int64_t offset, RankedTensorType type,
                  int64_t &unwritten) const {
  Array value = Array::undefined(type.getShape());
  int64_t bytes = elementBytes(type);
  unwritten = -1;
  for (int64_t i = 0; i < value.getNumElements(); ++i) {
    int64_t at = offset + i * bytes, cell = at / kCellBytes;
    if (cell < int64_t(sizes.size()) && sizes[cell] == bytes)
      value.data[i] = values[cell];
    else if (unwritten < 0)
      unwritten = at;
  }
  return value;
}
