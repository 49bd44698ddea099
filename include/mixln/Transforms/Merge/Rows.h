//===- Rows.h - Row programs joined and simplified --------------*- C++ -*-===//

#ifndef MIXLN_TRANSFORMS_MERGE_ROWS_H
#define MIXLN_TRANSFORMS_MERGE_ROWS_H

#include "mixln/IR/Mixln.h"

#include "mlir/Rewrite/FrozenRewritePatternSet.h"

namespace mixln {

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

#endif // MIXLN_TRANSFORMS_MERGE_ROWS_H
