//===- RowwiseBuilder.h - Row programs under construction -------*- C++ -*-===//
//
// Builds a `mixln.rowwise` when its results are known only after its body is
// written, and cuts an existing one down to what its results need.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_TRANSFORMS_DIFFERENTIATE_ROWWISEBUILDER_H
#define MIXLN_TRANSFORMS_DIFFERENTIATE_ROWWISEBUILDER_H

#include "mixln/IR/Mixln.h"
#include "mixln/IR/RowBuilders.h"

#include "llvm/ADT/BitVector.h"

namespace mixln {

class RowwiseBuilder {
public:
  /// The finished op is inserted where `builder` stands then.
  RowwiseBuilder(mlir::OpBuilder &builder, mlir::Location loc,
                 mlir::ArrayRef<int64_t> domain);

  /// Add an operand; return the argument of the body that stands for it.
  mlir::Value row(mlir::Value tensor, mlir::AffineMap map = {});
  mlir::Value shared(mlir::Value tensor);
  mlir::Value value(double number);

  /// Add a result. A row has `type` where given (its element type may differ
  /// from the f32 that is computed), a sum keeps the dimensions of `map`.
  void yieldRow(mlir::Value value, mlir::RankedTensorType type = {});
  void yieldSum(mlir::Value value, mlir::AffineMap map = {},
                mlir::Value into = {});

  /// Names the finished op.
  void setSite(llvm::StringRef site, int64_t layer);

  /// Makes the op. Returns the values of the rows, then of the sums, each in
  /// the order of the calls; they need not be results of the op: see
  /// simplifyRowwise.
  mlir::SmallVector<mlir::Value> finish();

  /// Writes the body.
  mlir::OpBuilder body;
  RowBuilder arithmetic;

private:
  mlir::OpBuilder &builder;
  mlir::Location loc;
  mlir::Block block;
  mlir::SmallVector<int64_t> domain;
  mlir::SmallVector<mlir::Value> rows, sharedTensors, into;
  mlir::SmallVector<mlir::AffineMap> rowMaps, sumMaps;
  mlir::SmallVector<double> values;
  mlir::SmallVector<mlir::Value> rowArguments, sharedArguments, valueArguments;
  mlir::SmallVector<mlir::Value> rowYields, sumYields;
  mlir::SmallVector<mlir::RankedTensorType> rowTypes;
  mlir::SmallVector<int64_t> intoSums;
  std::string site;
  int64_t layer = -1;
};

/// Rewrites `op` to what the results marked in `keep` need: dead code and
/// repeated expressions of the body, operands that nothing reads or that stand
/// twice, results that equal another result or an operand disappear. Returns
/// the value that stands for each old result, null where it was not kept; their
/// uses are replaced.
mlir::SmallVector<mlir::Value> simplifyRowwise(mlir::RewriterBase &rewriter,
                                               RowwiseOp op,
                                               const llvm::BitVector &keep);

} // namespace mixln

#endif // MIXLN_TRANSFORMS_DIFFERENTIATE_ROWWISEBUILDER_H
