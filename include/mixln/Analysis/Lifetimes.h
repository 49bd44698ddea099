//===- Lifetimes.h - When the values of an entry are live -------*- C++ -*-===//
//
// What occupies memory in an entry, from when to when, and which values are
// only views of it.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_ANALYSIS_LIFETIMES_H
#define MIXLN_ANALYSIS_LIFETIMES_H

#include "mixln/IR/Mixln.h"

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLFunctionalExtras.h"

#include <limits>

namespace mixln {

/// Bytes of a value of a type in memory.
using GetBytes = llvm::function_ref<int64_t(mlir::RankedTensorType)>;

/// Whether `op` computes nothing: its result is a range of its operand's bytes
/// (a reshape, a slice of whole rows).
bool isView(mlir::Operation *op);

/// Whether `op` runs a kernel: neither a view nor a concatenation, a load or a
/// store.
bool isKernel(mlir::Operation *op);

/// Something that occupies memory: the value of a variable when the entry
/// starts, the result of a kernel, or a concatenation.
struct Root {
  mlir::Value value;   ///< null for a variable's initial value
  VariableOp variable; ///< null for results
  int64_t bytes;
  int64_t begin; ///< position of the operation that writes it, -1: variables
  int64_t end;   ///< position of the last operation that reads it
};

/// A value lies `offset` bytes into a root.
struct Place {
  unsigned root;
  int64_t offset;
};

/// Lifetimes of one entry in which loads see initial values only and each
/// variable is stored once at most (see normalizeVariables).
class Lifetimes {
public:
  /// The end of what outlives the entry.
  static constexpr int64_t kForever = std::numeric_limits<int64_t>::max();

  /// Emits an error and fails where an operation has no place in a plan.
  static llvm::FailureOr<Lifetimes> compute(EntryOp entry, GetBytes getBytes);

  llvm::ArrayRef<Root> getRoots() const { return roots; }
  Place getPlace(mlir::Value value) const { return places.lookup(value); }
  int64_t getPosition(mlir::Operation *op) const {
    return positions.lookup(op);
  }
  /// The root of a variable that the entry loads or stores.
  unsigned getRootOf(VariableOp variable) const {
    return variableRoots.lookup(variable);
  }
  /// The stored value's store, or null.
  StoreOp getStore(VariableOp variable) const {
    return stores.lookup(variable);
  }

private:
  llvm::LogicalResult visit(mlir::Operation *op, GetBytes getBytes);
  unsigned addVariable(VariableOp variable, GetBytes getBytes);

  std::vector<Root> roots;
  llvm::DenseMap<mlir::Value, Place> places;
  llvm::DenseMap<mlir::Operation *, int64_t> positions;
  llvm::DenseMap<mlir::Operation *, unsigned> variableRoots;
  llvm::DenseMap<mlir::Operation *, StoreOp> stores;
};

} // namespace mixln

#endif // MIXLN_ANALYSIS_LIFETIMES_H
