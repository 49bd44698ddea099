//===- EntryGraph.h - What depends on what in an entry ----------*- C++ -*-===//
//
// An entry is straight-line code, so its block is one order of a graph whose
// edges are the uses of values and, between loads and stores of one variable,
// their order. Passes that bring operations together ask here whether they may
// and let the block be reordered around them.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_TRANSFORMS_MERGE_ENTRYGRAPH_H
#define MIXLN_TRANSFORMS_MERGE_ENTRYGRAPH_H

#include "mixln/IR/Mixln.h"

namespace mixln {

/// Whether `op` is a matmul, attention, or embedding, forward or backward: what
/// separates row programs because it needs all of its input's rows or columns.
bool isHeavy(mlir::Operation *op);

/// The site of `op`, or else its name.
std::string describe(mlir::Operation *op);

/// The producer of `value` behind pure reshapes, or null.
mlir::Operation *getProducerBehindReshapes(mlir::Value value);

class EntryGraph {
public:
  explicit EntryGraph(EntryOp entry);

  /// The operations between `a` and `b` (which stands later in the block) that
  /// depend on `a`, in block order.
  mlir::SmallVector<mlir::Operation *> dependentsBetween(mlir::Operation *a,
                                                         mlir::Operation *b);

  /// A path from `a` over other operations to `b`, without its ends; empty if
  /// there is none. Direct edges do not count.
  mlir::SmallVector<mlir::Operation *> indirectPath(mlir::Operation *a,
                                                    mlir::Operation *b);

  /// Reorders the block so that `a` and `b`, which no indirect path connects,
  /// are neighbours; moves as few operations as it can.
  void bringTogether(mlir::Operation *a, mlir::Operation *b);

  /// Calls `visit` for what `op` directly depends on.
  void forEachPredecessor(mlir::Operation *op,
                          llvm::function_ref<void(mlir::Operation *)> visit);

private:
  /// Predecessors by the order of loads and stores.
  llvm::DenseMap<mlir::Operation *, mlir::SmallVector<mlir::Operation *, 2>>
      accessedBefore;
};

/// Gives all loads of a variable between two stores one load.
void mergeLoads(EntryOp entry);

/// Erases operations whose results nobody uses.
void eraseDeadOps(EntryOp entry);

} // namespace mixln

#endif // MIXLN_TRANSFORMS_MERGE_ENTRYGRAPH_H
