//===- Interpreter.h - Executes entries in double precision -----*- C++ -*-===//
//
// What every phase of the compiler means. A pass is right if an entry gives
// the same numbers before and after it; a kernel is right if it agrees with
// the operation that it was made from.
//
// Entries may hold tensor operations (values) or dispatches (an arena). Errors
// are diagnostics at the operation's location.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_INTERPRETER_INTERPRETER_H
#define MIXLN_INTERPRETER_INTERPRETER_H

#include "mixln/Interpreter/Array.h"
#include "mixln/Interpreter/RowInterpreter.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

#include <memory>

namespace mixln {

//===----------------------------------------------------------------------===//
// One operation
//===----------------------------------------------------------------------===//

/// What one execution of an operation changes about it. Extents follow the
/// operands, so that a kernel's prototype can run with other numbers of rows;
/// what they do not determine stands here.
struct Execution {
  /// The domain of a row program; empty: from the operation, or from the
  /// operands where their shapes are not those of the operation.
  llvm::ArrayRef<int64_t> domain;
  /// The immediates of a row program; empty: the operation's.
  llvm::ArrayRef<double> values;
  /// Types of the operands, for what their shapes do not say: a product of
  /// packed sides is one kernel whichever way they were packed. Empty: the
  /// operation's.
  llvm::ArrayRef<mlir::Type> operandTypes;
  /// Types of the results; empty: the operation's.
  llvm::ArrayRef<mlir::Type> resultTypes;
  /// Records or replays what passes through stop_gradient.
  StopGradientTape *tape = nullptr;
};

/// Executes a tensor operation on `operands`.
llvm::LogicalResult interpretOperation(mlir::Operation *op,
                                       llvm::ArrayRef<const Array *> operands,
                                       llvm::SmallVectorImpl<Array> &results,
                                       const Execution &execution = {});
llvm::LogicalResult interpretOperation(mlir::Operation *op,
                                       llvm::ArrayRef<Array> operands,
                                       llvm::SmallVectorImpl<Array> &results,
                                       const Execution &execution = {});

/// Computes the given rows (indices of the first dimension of the results)
/// alone, for kernels at shapes where all of them would take too long. Row i
/// of a result is row rows[i] of the operation's. Handles `rowwise` (its sums
/// stay empty), `matmul`, `embedding` and `attention`.
llvm::LogicalResult interpretRows(mlir::Operation *op,
                                  llvm::ArrayRef<Array> operands,
                                  llvm::ArrayRef<int64_t> rows,
                                  llvm::SmallVectorImpl<Array> &results,
                                  const Execution &execution = {});

//===----------------------------------------------------------------------===//
// Entries
//===----------------------------------------------------------------------===//

class Arena;

class Interpreter {
public:
  /// Every variable starts as NaN: what is never written shows.
  explicit Interpreter(mlir::ModuleOp module);
  ~Interpreter();

  bool hasVariable(llvm::StringRef name) const;
  /// The array must have the variable's shape; a misfit is an error at the
  /// variable.
  llvm::LogicalResult setVariable(llvm::StringRef name, Array value);
  /// The variable must exist.
  const Array &getVariable(llvm::StringRef name);
  /// Whether every element has been set or stored.
  bool isWritten(llvm::StringRef name) const;

  bool hasEntry(llvm::StringRef name) const;
  llvm::LogicalResult run(llvm::StringRef entry);

  /// Used by every row program from now on; null for none.
  void setTape(StopGradientTape *newTape) { tape = newTape; }
  mlir::ModuleOp getModule() const { return module; }

private:
  llvm::LogicalResult runOperation(mlir::Operation &op);
  llvm::LogicalResult runDispatch(mlir::Operation &op);
  /// Where the variable stands in the arena, or -1.
  int64_t getOffset(llvm::StringRef name) const;

  mlir::ModuleOp module;
  mlir::SymbolTable symbols;
  llvm::StringMap<Array> variables;
  llvm::StringSet<> written;
  llvm::DenseMap<mlir::Value, Array> values;
  std::unique_ptr<Arena> arena;
  StopGradientTape *tape = nullptr;
};

} // namespace mixln

#endif // MIXLN_INTERPRETER_INTERPRETER_H
