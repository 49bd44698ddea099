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
  for (int64_t i = begin / kCellBytes; i < end / kCellBytes; ++i)
    cells[i].bytes = 0;
  // An element that began before and reached in is gone too.
  if (int64_t first = begin / kCellBytes; first > 0 &&
                                          first <= int64_t(cells.size()) &&
                                          cells[first - 1].bytes > kCellBytes)
    cells[first - 1].bytes = 0;
}

void Arena::write(int64_t offset, RankedTensorType type, const Array &value) {
  int64_t end = offset + getBytes(type), bytes = elementBytes(type);
  if (end > getSize())
    cells.resize((end + kCellBytes - 1) / kCellBytes);
  forget(offset, end);
  for (int64_t i = 0; i < value.getNumElements(); ++i)
    cells[(offset + i * bytes) / kCellBytes] = {value.data[i], uint8_t(bytes)};
}

Array Arena::read(int64_t offset, RankedTensorType type,
                  int64_t &unwritten) const {
  Array value = Array::undefined(type.getShape());
  int64_t bytes = elementBytes(type);
  unwritten = -1;
  for (int64_t i = 0; i < value.getNumElements(); ++i) {
    int64_t at = offset + i * bytes, cell = at / kCellBytes;
    if (cell < int64_t(cells.size()) && cells[cell].bytes == bytes)
      value.data[i] = cells[cell].value;
    else if (unwritten < 0)
      unwritten = at;
  }
  return value;
}
