//===- RowRewrite.h - Building a row program from others --------*- C++ -*-===//
//
// Joining, simplifying and differentiating make a new row program out of the
// bodies of old ones. This collects its operands and results, giving equal ones
// one place, and builds it.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_IR_ROWREWRITE_H
#define MIXLN_IR_ROWREWRITE_H

#include "mixln/IR/Mixln.h"

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
  /// Sum `i` of `op`, where that is not what its body yields now, of `yielded`.
  void addSumOf(RowwiseOp op, unsigned i, mlir::Value yielded = {});

  /// Builds the program with the bodies one after the other (they are moved)
  /// and replaces the old results. Without results there is no program: null.
  RowwiseOp build(mlir::OpBuilder &builder, mlir::Location loc,
                  llvm::ArrayRef<mlir::Block *> bodies);
  /// The built result that replaced `old`; null for one that was not added.
  mlir::Value standsFor(mlir::OpResult old) const;

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
  RowwiseOp made;
};

/// The operand of `op` that a yielded row is, unchanged and as `type`, or null.
mlir::Value findOperand(RowwiseOp op, mlir::Value yielded, mlir::Type type);

/// Gives `to` the discardable attributes of `from`, but not the names of
/// results, which `build` carries over one by one.
void copyAttributes(mlir::Operation *from, mlir::Operation *to);

} // namespace mixln

#endif // MIXLN_IR_ROWREWRITE_H
