//===- Arena.h - Memory of a planned entry ----------------------*- C++ -*-===//
//
// A map from byte offsets to elements: a range holds what was last written to
// it with the same element size. It finds reads of what nobody wrote.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_LIB_INTERPRETER_ARENA_H
#define MIXLN_LIB_INTERPRETER_ARENA_H

#include "mixln/Interpreter/Array.h"

#include "mlir/IR/BuiltinTypes.h"

namespace mixln {

class Arena {
public:
  /// Bytes of a tensor that is laid out densely.
  static int64_t getBytes(mlir::RankedTensorType type);

  void write(int64_t offset, mlir::RankedTensorType type, const Array &value);
  /// Elements that nobody wrote are NaN; `unwritten` is the byte offset of the
  /// first of them, or -1.
  Array read(int64_t offset, mlir::RankedTensorType type,
             int64_t &unwritten) const;
  /// Makes [begin, end) unwritten.
  void forget(int64_t begin, int64_t end);
  int64_t getSize() const { return sizes.size() * kCellBytes; }

private:
  /// The smallest element is a bf16.
  static constexpr int64_t kCellBytes = 2;
  /// Of the element that starts in a cell: its value, and its size in bytes,
  /// 0 where none starts.
  std::vector<double> values;
  std::vector<uint8_t> sizes;
};

} // namespace mixln

#endif // MIXLN_LIB_INTERPRETER_ARENA_H
