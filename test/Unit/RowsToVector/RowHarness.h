//===- RowHarness.h - Runs row programs as kernels --------------*- C++ -*-===//

#ifndef MIXLN_TEST_ROWHARNESS_H
#define MIXLN_TEST_ROWHARNESS_H

#include "KernelHarness.h"

#include "mixln/Conversion/RowsToVector.h"
#include "mixln/IR/RowBuilders.h"
#include "mixln/Interpreter/Interpreter.h"

namespace mixln::test {

enum class Fill { Signed, Positive, Large, Column };

/// A tensor that a row program reads.
struct RowInput {
  enum Kind { Row, Shared, Into } kind = Row;
  /// For Row, the leading dimensions too.
  std::vector<int64_t> shape;
  /// Row: the map, as text; empty for the identity.
  std::string map;
  Fill fill = Fill::Signed;
  /// f32, bf16 or i32.
  std::string type = "f32";
  /// Into: the number of the sum.
  int64_t sum = 0;
};

struct RowYields {
  llvm::SmallVector<mlir::Value> rows, sums;
};

/// A row program at one shape.
struct RowProgramSpec {
  std::vector<int64_t> domain;
  std::vector<RowInput> inputs;
  std::vector<double> values;
  /// Maps of the sums, as text; empty for `()`.
  std::vector<std::string> sumMaps;
  std::function<RowYields(RowBuilder &, llvm::ArrayRef<mlir::Value>)> body;
  /// Element type of row results: f32 or bf16.
  std::string resultType = "f32";
  /// Of sums, likewise.
  std::string sumType = "f32";
};

/// Builds the operation, at the end of `module`.
RowwiseOp buildRowProgram(mlir::ModuleOp module, const RowProgramSpec &spec);

/// Random operands of an operation, and their doubles.
struct RowOperands {
  std::vector<Buffer> memory;
  std::vector<Array> arrays;
};
RowOperands makeOperands(const RowProgramSpec &spec, RowwiseOp op,
                         std::mt19937 &random);

struct RowRun {
  /// Number of tasks of phase 0; 0: as launched.
  int64_t tasks = 0;
  /// Lay results over operands wherever that is allowed.
  bool inPlace = false;
  /// The error of a result whose elements are smaller than this (root mean
  /// square) is relative to this: what cancels to zero has no relative error.
  double leastSize = 0;
};

/// Runs the kernel at `symbol`; returns the largest relative error of a
/// result against the interpreter, and fails the test if anything outside of
/// the results was written.
double runAndCompare(Kernels &kernels, const std::string &symbol, RowwiseOp op,
                     const RowOperands &operands,
                     const std::vector<Array> &expected, RowRun run);

std::vector<Array> interpret(RowwiseOp op, const RowOperands &operands);

} // namespace mixln::test

#endif // MIXLN_TEST_ROWHARNESS_H
