//===- Operations.h - The meaning of each tensor operation ------*- C++ -*-===//
//
// Each function executes one kind of operation on operands whose number was
// checked, and checks the shapes that it relies on. `rows`, where there is
// such a list, restricts the results to these rows.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_LIB_INTERPRETER_OPERATIONS_H
#define MIXLN_LIB_INTERPRETER_OPERATIONS_H

#include "mixln/IR/Mixln.h"
#include "mixln/Interpreter/Interpreter.h"

#include <optional>

namespace mixln {

using Operands = llvm::ArrayRef<const Array *>;
using Results = llvm::SmallVectorImpl<Array>;
using Rows = std::optional<llvm::ArrayRef<int64_t>>;

/// The rows to compute: `rows`, or all of `count`; a row out of range is an
/// error.
llvm::FailureOr<llvm::SmallVector<int64_t>> listRows(mlir::Operation *op,
                                                     Rows rows, int64_t count);

/// An error unless `array` has the given rank.
llvm::LogicalResult expectRank(mlir::Operation *op, llvm::StringRef what,
                               const Array &array, size_t rank);
/// An error unless found == expected.
llvm::LogicalResult expectEqual(mlir::Operation *op, const llvm::Twine &what,
                                int64_t found, int64_t expected);

/// An element for an error: `5`, `0.5`, `nan`.
std::string describeNumber(double number);

/// The elements of a number or a dense constant, splats expanded; false for
/// attributes of other kinds. A true i1 is 1.
bool readElements(mlir::Attribute attr, std::vector<double> &values);

llvm::LogicalResult interpretRowwise(RowwiseOp op, Operands operands, Rows rows,
                                     const Execution &execution,
                                     Results &results);
llvm::LogicalResult interpretMatmul(MatmulOp op, Operands operands, Rows rows,
                                    const Execution &execution,
                                    Results &results);
llvm::LogicalResult interpretEmbedding(EmbeddingOp op, Operands operands,
                                       Rows rows, Results &results);
llvm::LogicalResult interpretEmbeddingGrad(EmbeddingGradOp op,
                                           Operands operands,
                                           const Execution &execution,
                                           Results &results);
llvm::LogicalResult interpretAttention(AttentionOp op, Operands operands,
                                       Rows rows, Results &results);
llvm::LogicalResult interpretAttentionStep(AttentionStepOp op,
                                           Operands operands, Results &results);
llvm::LogicalResult interpretAttentionGrad(AttentionGradOp op,
                                           Operands operands, Results &results);
/// Constants, reshapes, slices and concatenations of upstream's dialects.
llvm::LogicalResult interpretUpstream(mlir::Operation *op, Operands operands,
                                      const Execution &execution,
                                      Results &results);

} // namespace mixln

#endif // MIXLN_LIB_INTERPRETER_OPERATIONS_H
