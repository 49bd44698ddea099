//===- RowStages.h - How a row program splits at reductions -----*- C++ -*-===//
//
// A reduction must have seen the whole row before its number can be used, so a
// row program runs in stages: stage k reads the row once, and computes what
// the reductions of level k, and the results that need no later reduction,
// ask for. Between two stages stand operations on numbers, once a row.
//
//   %q = mulf %x, %x            stage 0: loop { load x; acc += x*x }
//   %s = reduction <add>, %q             sum acc
//   %r = rsqrt (%s * 1/n)       numbers: r
//   %y = mulf %x, %r            stage 1: loop { load x; store x*r }
//   yield rows(%y)
//
// A row value that an earlier stage had and a later one needs again is loaded
// where it lies in memory (an operand, or a row result stored before),
// computed again where that is cheap, and otherwise kept in a buffer.
//
// The analysis knows no target: it says what each loop loads, computes, stores
// and reduces. Reductions that do not depend on each other share a stage.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_ANALYSIS_ROWSTAGES_H
#define MIXLN_ANALYSIS_ROWSTAGES_H

#include "mixln/IR/Mixln.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/MapVector.h"

#include <vector>

namespace mixln {

/// Where a loop finds a row value that it does not compute.
struct RowSource {
  enum Kind {
    Operand, ///< row operand `index`
    Shared,  ///< shared operand `index`
    Result,  ///< row result `index`, stored by an earlier stage
    Buffer   ///< buffer `index`, stored by an earlier stage
  };
  Kind kind;
  unsigned index;
};

/// One pass over the rows of one width at one stage.
struct RowLoop {
  unsigned stage = 0;
  int64_t width = 0;
  /// Row values that come from memory.
  llvm::MapVector<mlir::Value, RowSource> loads;
  /// Operations that make rows, in an order that respects their uses.
  llvm::SmallVector<mlir::Operation *> compute;
  llvm::SmallVector<mlir::vector::ReductionOp> reductions;
  /// Row results stored, sums of rows added up, buffers stored: by index.
  llvm::SmallVector<unsigned> results, sums, buffers;
  /// Estimated cost of one element, in vector instructions.
  int64_t cost = 0;
};

struct RowStageOptions {
  /// A row is computed again in a later stage if that costs at most this many
  /// vector instructions an element, loads included; otherwise it is kept.
  int64_t recomputeCost = 8;
  /// A later stage may read a row result that an earlier one has stored.
  bool readsResults = true;
};

class RowStages {
public:
  /// Fails, with an error at the operation, if the body holds an operation
  /// that is not allowed in row programs.
  static mlir::FailureOr<RowStages> create(RowwiseOp op,
                                           RowStageOptions options = {});

  unsigned getNumStages() const { return numStages; }
  /// In the order in which they run.
  llvm::ArrayRef<RowLoop> getLoops() const { return loops; }
  /// The operations on numbers that run before the loops of `stage`; those of
  /// stage getNumStages() run after the last loop.
  llvm::ArrayRef<mlir::Operation *> getNumbers(unsigned stage) const {
    return numbers[stage];
  }
  /// The rows that are kept in a buffer, and their widths.
  llvm::ArrayRef<mlir::Value> getBuffers() const { return buffers; }
  /// Whether anything that the program yields depends on `value`.
  bool isLive(mlir::Value value) const { return live.contains(value); }

  /// Whether row result `result` may be written over row operand `operand` of
  /// the same point: no loop later than the one that stores the result reads
  /// that operand. Within one loop an element is read before it is written.
  bool isReadBeforeWrite(unsigned operand, unsigned result) const;

private:
  RowwiseOp op;
  unsigned numStages = 0;
  std::vector<RowLoop> loops;
  llvm::SmallVector<llvm::SmallVector<mlir::Operation *>> numbers;
  llvm::SmallVector<mlir::Value> buffers;
  llvm::DenseSet<mlir::Value> live;

  friend class RowStageBuilder;
};

/// Estimated vector instructions of a row operation for one vector of results.
int64_t getRowOpCost(mlir::Operation *op);

} // namespace mixln

#endif // MIXLN_ANALYSIS_ROWSTAGES_H
