//===- RowInterpreter.h - Executes the body of a row program ----*- C++ -*-===//
//
// A body is decoded once into a list of steps and then run once a row. A value
// is a vector of doubles: a row has one a column, a number has one; i1 is 0 or
// 1.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_INTERPRETER_ROWINTERPRETER_H
#define MIXLN_INTERPRETER_ROWINTERPRETER_H

#include "mlir/IR/Block.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/DenseMap.h"

#include <functional>
#include <vector>

namespace mixln {

/// The values that passed through `mixln.stop_gradient`, in the order of
/// execution. A replayed run takes them from a recorded one: then the function
/// that is executed is the one whose derivative the backward computes.
class StopGradientTape {
public:
  void record();
  void replay();
  /// Takes note of `value`, or overwrites it with the recorded one.
  void pass(std::vector<double> &value);

private:
  std::vector<double> values;
  size_t position = 0;
  bool replaying = false;
};

/// A decoded body: the block of a `rowwise`, a `norm_kind` or a `placement`.
class RowProgram {
public:
  /// An operation that has no meaning here is an error at its location. The
  /// tape may be null.
  static llvm::FailureOr<RowProgram> decode(mlir::Block &body,
                                            StopGradientTape *tape = nullptr);

  /// What to fill before `run`.
  std::vector<double> &getArgument(unsigned i) { return slots[i]; }
  void run();
  /// What the terminator yields (rows, then sums), after `run`.
  const std::vector<double> &getYield(unsigned i) const {
    return slots[yields[i]];
  }

private:
  using Slots = std::vector<std::vector<double>>;

  unsigned addSlot(mlir::Value value);
  llvm::LogicalResult addStep(mlir::Operation &op, StopGradientTape *tape);
  bool addArithmetic(mlir::Operation &op);
  bool addMath(mlir::Operation &op);
  bool addVector(mlir::Operation &op);
  template <typename Fn> void addUnary(mlir::Operation &op, Fn fn);
  template <typename Fn> void addBinary(mlir::Operation &op, Fn fn);
  template <typename Fn> void addTernary(mlir::Operation &op, Fn fn);

  Slots slots;
  std::vector<std::function<void(Slots &)>> steps;
  llvm::SmallVector<unsigned> yields;
  llvm::DenseMap<mlir::Value, unsigned> slotOf;
};

} // namespace mixln

#endif // MIXLN_INTERPRETER_ROWINTERPRETER_H
