//===- RowGpuEmitter.h - Writes one row program as a GPU kernel -*- C++ -*-===//

#ifndef MIXLN_LIB_CONVERSION_ROWSTOGPU_ROWGPUEMITTER_H
#define MIXLN_LIB_CONVERSION_ROWSTOGPU_ROWGPUEMITTER_H

#include "../RowAddresses.h"
#include "RowTeams.h"
#include "mixln/Conversion/GpuBuilder.h"

namespace mixln {

class RowGpuEmitter {
public:
  RowGpuEmitter(RowwiseOp op, const RowStages &stages, GpuBuilder &builder)
      : op(op), stages(stages), b(builder), teams(op, stages), slot(op),
        addresses(op) {}

  /// Phase 0: the points of a block.
  void emitRows(llvm::StringRef symbol);
  /// Phase 1: the slots of all teams become the sums.
  void emitSums(llvm::StringRef symbol);

  /// `chunk` columns from `column` on of a program without reductions (see
  /// isGpuElementwise): `load` gives those of an operand, `store` takes those
  /// of a result.
  void emitElements(int64_t chunk, mlir::Value column,
                    llvm::function_ref<mlir::Value(unsigned)> load,
                    llvm::function_ref<void(unsigned, mlir::Value)> store);

  const RowTeams &getTeams() const { return teams; }
  static int64_t sumThreads();

private:
  using Value = mlir::Value;
  using Values = llvm::SmallVector<Value>;

  bool hasSums() { return !op.getSumResults().empty(); }
  bool isRowSum(unsigned sum) {
    return mlir::isa<mlir::VectorType>(op.getYield().getSums()[sum].getType());
  }
  /// Where a thread finds one of its chunks.
  struct Place {
    Value column;
    /// Whether the chunk is one of the row; null: surely. If not, `column` is
    /// the last chunk's.
    Value inside;
    /// Which columns of the chunk are the row's, not pads; null: all.
    Value lanes;
  };
  /// `value`, a chunk, with `otherwise` where it is not of the row.
  Value onlyRow(const Place &place, Value value, double otherwise);

  // Points (RowPoints.cpp).
  GpuSignature signature(int64_t threads, bool isSums);
  void takeParameters(GpuBuilder::Parameters parameters);
  Value loadNumber(Value ptr, mlir::Type element);
  void emitPoint(Value row, Value head, Values &totals);
  void emitPoints(Value rowCount);
  void emitSlots(Value rowCount, Value slots);
  void storeNumbers(Values &totals);
  bool keepsHead(unsigned sum) { return op.getSumMap(sum).getNumResults() > 0; }
  Value partialSums(unsigned sum, Value head, Value column);
  Values zeroTotals();
  void storeTotals(Value head, bool ofHead, const Values &totals);
  void clearSlot();

  // Columns of a row (RowColumns.cpp).
  void emitNumbers(unsigned stage);
  void emitLoop(const RowLoop &loop, Values &totals);
  Place placeOf(const RowColumns &columns, Value turn);
  Value loadRow(RowSource source, const RowColumns &columns,
                const Place &place);
  void emitChunk(const RowLoop &loop, const RowColumns &columns,
                 const Place &place, int64_t turn,
                 llvm::MutableArrayRef<Value> accumulators, Values &totals);
  void finishReductions(const RowLoop &loop,
                        llvm::ArrayRef<Value> accumulators);
  Value emitOp(mlir::Operation *inner, int64_t chunk,
               llvm::function_ref<Value(Value)> lookup, Value columns);
  Value emitDivide(Value a, Value c);
  Value emitMath(mlir::Operation *inner, llvm::ArrayRef<Value> operands);
  Value splat(Value number, int64_t chunk);
  Value splat(double number, mlir::Type like);
  Value emitColumns(Value column, int64_t chunk);
  mlir::Type convertType(mlir::Type type, int64_t chunk);

  RowwiseOp op;
  const RowStages &stages;
  GpuBuilder &b;
  RowTeams teams;
  GpuRowSlot slot;

  RowAddresses addresses;
  Value thread, lane, team;
  /// A parameter that is 1, which the optimiser does not know.
  Value one;
  /// This team's slot of the workspace; the half of the shared memory that the
  /// present point uses, in elements from its start: the other half may still
  /// be read by slower warps.
  Value partials, half;
  /// Whether the present point is one of the program; null: surely.
  Value valid;
  Value currentHead;
  /// Numbers at the present point (and those that are the same at all).
  llvm::DenseMap<Value, Value> numbers;
  /// What the thread has in registers, by row and turn.
  llvm::DenseMap<std::pair<Value, int64_t>, Value> rows;
  /// First accumulator of a sum among the totals, by sum.
  llvm::SmallVector<size_t> totalOf;
  /// Reductions of the present point so far, for their places in shared
  /// memory.
  int64_t reductionsDone = 0;
};

/// Whether result `result` may ever lie over operand `operand`: decided by
/// types and maps alone, because all operations of a kernel must agree.
bool mayOverlap(RowwiseOp op, const RowStages &stages, unsigned operand,
                unsigned result);

} // namespace mixln

#endif // MIXLN_LIB_CONVERSION_ROWSTOGPU_ROWGPUEMITTER_H
