//===- RowEmitter.h - Writes one row program as a kernel --------*- C++ -*-===//

#ifndef MIXLN_LIB_CONVERSION_ROWSTOVECTOR_ROWEMITTER_H
#define MIXLN_LIB_CONVERSION_ROWSTOVECTOR_ROWEMITTER_H

#include "../RowAddresses.h"
#include "mixln/Analysis/RowStages.h"
#include "mixln/Conversion/KernelBuilder.h"

namespace mixln {

/// Where the sums of one task lie in its slot of the workspace, in elements.
/// Every sum starts at a multiple of a line, so vectors may reach past its end.
struct RowSlot {
  explicit RowSlot(RowwiseOp op);
  llvm::SmallVector<int64_t> offsets, counts;
  int64_t elements = 0;
};

/// Where the buffers of a row lie in the scratch memory, in elements.
struct RowBuffers {
  explicit RowBuffers(const RowStages &stages);
  llvm::SmallVector<int64_t> offsets;
  int64_t elements = 0;
};

/// Row results in a matmul's layout, which holds some rows side by side: two,
/// or as many as a register has lanes. They are laid out when all of these are
/// there, and lie in scratch until then, or in the plain bf16 result that holds
/// the same rows.
struct RowLayouts {
  RowLayouts(RowwiseOp op, const RowBuffers &buffers, int64_t lanes);
  /// Whether result `i` is one of them.
  bool contains(unsigned i) const { return sources[i].has_value(); }
  struct Source {
    /// The plain result, or where the rows lie in scratch, in elements of f32.
    std::optional<unsigned> result;
    int64_t offset = 0;
  };
  /// By row result.
  llvm::SmallVector<std::optional<Source>> sources;
  /// Rows that are laid out at once; 0: there is no such result.
  int64_t unit = 0;
  /// Of the scratch memory, buffers included, in elements of f32.
  int64_t elements = 0;
};

class RowEmitter {
public:
  RowEmitter(RowwiseOp op, const RowStages &stages, KernelBuilder &builder)
      : op(op), stages(stages), b(builder), slot(op), buffers(stages),
        layouts(op, buffers, builder.lanes()), addresses(op) {
    planPrefetches();
  }

  /// Phase 0: the rows of a task.
  void emitRows(llvm::StringRef symbol);
  /// Phase 1: the slots of all tasks become the sums.
  void emitSums(llvm::StringRef symbol);

private:
  using Value = mlir::Value;
  using Values = llvm::SmallVector<Value>;

  bool hasSums() { return !op.getSumResults().empty(); }
  unsigned numResults() { return op.getRowResults().size(); }
  void loadPointers(KernelBuilder::Arguments args);

  // Points (RowPoints.cpp).
  /// Emits the program at point (row, head); `totals` are the sums of numbers
  /// over all points so far, and are replaced by the new ones.
  void emitPoint(Value row, Value head, Values &totals);
  Value loadNumber(Value ptr, mlir::Type element);
  /// Lays rows [row, row + count) out; `count` is at most the unit.
  void storeLayouts(Value row, Value count, Value numRows);
  void storePairs(unsigned result, Value from, Value row, Value count,
                  Value numRows);
  void storeSquare(unsigned result, Value from, Value row, Value count,
                   Value numRows);
  /// Addresses and numbers of the operands at a point.
  void loadNumbers(mlir::ValueRange point);
  void emitNumbers(unsigned stage);
  void storeNumbers(Values &totals);
  /// Whether the sum is one number, kept in a register over all points.
  bool isCarried(unsigned sum);
  /// Whether the reduction is wanted as a carried sum only: then its lanes stay
  /// apart until all points are done.
  bool isTotal(mlir::vector::ReductionOp reduction);

  // Loops over a row (RowLoops.cpp).
  void emitLoop(const RowLoop &loop);
  /// One vector of columns from `column` on; `masked` if it is the tail of the
  /// row. `accumulators` holds one vector a reduction.
  void emitChunk(const RowLoop &loop, Value column, bool masked,
                 llvm::MutableArrayRef<Value> accumulators);
  Value emitOp(mlir::Operation *inner, llvm::function_ref<Value(Value)> lookup,
               Value columns);
  Value emitExp(Value x);
  Value emitColumns(Value column);
  Value loadRow(Value ptr, mlir::Type element, Value column, Value mask);
  /// Which lines each loop fetches for later ones: see RowLoops.cpp.
  void planPrefetches();
  void storeRow(Value value, Value ptr, mlir::Type element, Value column,
                Value mask);
  /// A number or a row as it is in memory of `element`.
  Value narrow(Value value, mlir::Type element) {
    return element.isBF16() ? b.narrow(value) : value;
  }
  std::pair<Value, mlir::Type> addressOf(RowSource source);
  mlir::Type convertType(mlir::Type type);

  RowwiseOp op;
  const RowStages &stages;
  KernelBuilder &b;
  RowSlot slot;
  RowBuffers buffers;
  RowLayouts layouts;
  /// Which row of a unit the present point is.
  Value rowOfUnit;

  struct Prefetch {
    RowSource source;
    bool ofNextPoint;
  };
  /// By loop.
  llvm::SmallVector<llvm::SmallVector<Prefetch>> prefetches;

  RowAddresses addresses;
  Value scratch, partials;
  /// Partial sums at the present point.
  Values sumPtrs;
  /// Numbers at the present point (and those that are the same at all).
  llvm::DenseMap<Value, Value> numbers;
};

} // namespace mixln

#endif // MIXLN_LIB_CONVERSION_ROWSTOVECTOR_ROWEMITTER_H
