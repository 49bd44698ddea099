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
  int64_t getSize() const { return cells.size() * kCellBytes; }

private:
  /// The smallest element is a bf16.
  static constexpr int64_t kCellBytes = 2;
  /// `bytes` is the size of the element that starts here, 0 if none does.
  struct Cell {
    double value = 0;
    uint8_t bytes = 0;
  };
  std::vector<Cell> cells;
};

} // namespace mixln

#endif // MIXLN_LIB_INTERPRETER_ARENA_H
