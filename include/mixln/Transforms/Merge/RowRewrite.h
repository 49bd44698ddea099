//===- RowRewrite.h - Building a row program from others --------*- C++ -*-===//
//
// Joining and simplifying both make a new row program out of the bodies of old
// ones. This collects its operands and results, giving equal ones one place,
// and builds it.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_TRANSFORMS_MERGE_ROWREWRITE_H
#define MIXLN_TRANSFORMS_MERGE_ROWREWRITE_H

#include "mixln/IR/Mixln.h"

#include "mlir/Rewrite/FrozenRewritePatternSet.h"

namespace mixln {

class RowRewrite {
public:
  explicit RowRewrite(llvm::ArrayRef<int64_t> domain) : domain(domain) {}

  /// Operands, with the argument that stands for them in an old body.
  void addRow(mlir::Value value, mlir::AffineMap map,
              mlir::BlockArgument argument);
  void addShared(mlir::Value value, mlir::BlockArgument argument);
  void addValue(double value, mlir::BlockArgument argument);
  /// Results: what is yielded, and the result of an old program that the new
  /// one replaces.
  void addRowResult(mlir::Value yielded, mlir::OpResult old);
  void addSum(mlir::Value yielded, mlir::AffineMap map, mlir::Value into,
              mlir::OpResult old);

  /// All operands of `op` from the row, shared and value arguments that
  /// `arguments` lists, in its order.
  void addOperandsOf(RowwiseOp op,
                     llvm::ArrayRef<mlir::BlockArgument> arguments);
  /// Sum `i` of `op`.
  void addSumOf(RowwiseOp op, unsigned i);

  /// Builds the program with the bodies one after the other (they are moved)
  /// and replaces the old results. Without results there is no program: null.
  RowwiseOp build(mlir::OpBuilder &builder, mlir::Location loc,
                  llvm::ArrayRef<mlir::Block *> bodies);

private:
  struct Row {
    mlir::Value value;
    mlir::AffineMap map;
    mlir::SmallVector<mlir::BlockArgument, 2> arguments;
  };
  struct Shared {
    mlir::Value value;
    mlir::SmallVector<mlir::BlockArgument, 2> arguments;
  };
  struct RowResult {
    mlir::Value yielded;
    mlir::SmallVector<mlir::OpResult, 2> old;
  };
  struct Sum {
    mlir::Value yielded;
    mlir::AffineMap map;
    mlir::Value into;
    mlir::SmallVector<mlir::OpResult, 2> old;
  };

  llvm::ArrayRef<int64_t> domain;
  mlir::SmallVector<Row> rows;
  mlir::SmallVector<Shared> shared;
  mlir::SmallVector<std::pair<double, mlir::BlockArgument>> values;
  mlir::SmallVector<RowResult> rowResults;
  mlir::SmallVector<Sum> sums;
};

/// Gives `to` the discardable attributes of `from`, but not the names of
/// results, which `build` carries over one by one.
void copyAttributes(mlir::Operation *from, mlir::Operation *to);

/// The program that does what `a` and then `b` do; it stands where `b` stood.
/// `b` may read row results of `a` through the identity map only.
RowwiseOp joinRows(mlir::OpBuilder &builder, RowwiseOp a, RowwiseOp b);

/// Cleans row programs up: folds and common subexpressions in the body, equal
/// results and operands once, unused ones gone, operands in the order in which
/// the body first uses them, so that equal layers have equal bodies.
class RowSimplifier {
public:
  /// With `dropStopGradient`, `mixln.stop_gradient` is the identity: nothing
  /// is differentiated any more.
  RowSimplifier(mlir::MLIRContext *context, bool dropStopGradient);
  /// The simplified program; null where nothing was left of it.
  RowwiseOp simplify(RowwiseOp op);

private:
  mlir::FrozenRewritePatternSet patterns;
  bool dropStopGradient;
};

} // namespace mixln

#endif // MIXLN_TRANSFORMS_MERGE_ROWREWRITE_H
