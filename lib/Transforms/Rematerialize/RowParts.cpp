//===- RowParts.cpp - A row program that reads what is stored -------------===//
//
//   %s, %h = mixln.rowwise rows(%x, %f) { yield rows(%a + %b, norm(%a + %b)) }
//   =>  (%s stored elsewhere, only %h asked for)
//   %h = mixln.rowwise rows(%s) { yield rows(norm(%a)) }
//
//===----------------------------------------------------------------------===//

#include "mixln/Transforms/Rematerialize/RowParts.h"

#include "mixln/IR/RowRewrite.h"

#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace mixln;

/// Erases the operations of `op`'s body that `roots` do not need.
static void eraseUnneeded(RowwiseOp op, SmallVector<Value> roots) {
  llvm::SmallDenseSet<Operation *> needed;
  while (!roots.empty())
    if (Operation *producer = roots.pop_back_val().getDefiningOp())
      if (needed.insert(producer).second)
        llvm::append_range(roots, producer->getOperands());
  for (Operation &inner :
       llvm::make_early_inc_range(llvm::reverse(*op.getBodyBlock())))
    if (!needed.contains(&inner))
      inner.erase();
}

RowwiseOp mixln::readStoredRows(OpBuilder &builder, RowwiseOp op,
                                ArrayRef<StoredRow> stored,
                                ArrayRef<unsigned> results, bool withSums) {
  Block *body = op.getBodyBlock();
  YieldOp yield = op.getYield();
  SmallVector<Value> rows, roots;
  for (unsigned result : results)
    rows.push_back(yield.getRows()[result]);
  SmallVector<BlockArgument> loaded;
  unsigned numArguments = body->getNumArguments();
  for (const StoredRow &row : stored) {
    BlockArgument argument =
        body->addArgument(row.computed.getType(), op.getLoc());
    loaded.push_back(argument);
    Value computed = row.computed;
    computed.replaceAllUsesExcept(argument, yield);
    for (Value &yielded : rows)
      if (yielded == computed)
        yielded = argument;
  }
  roots = rows;
  if (withSums)
    llvm::append_range(roots, yield.getSums());

  RowRewrite rewrite(op.getDomain());
  for (auto [result, yielded] : llvm::zip_equal(results, rows))
    rewrite.addRowResult(yielded, cast<OpResult>(op.getRowResults()[result]));
  if (withSums)
    for (unsigned i = 0; i < op.getSumResults().size(); ++i)
      rewrite.addSumOf(op, i);
  yield.erase();
  eraseUnneeded(op, roots);

  auto isUsed = [&](BlockArgument argument) {
    return !argument.use_empty() || llvm::is_contained(roots, argument);
  };
  SmallVector<BlockArgument> arguments;
  for (BlockArgument argument : body->getArguments().take_front(numArguments))
    if (isUsed(argument))
      arguments.push_back(argument);
  rewrite.addOperandsOf(op, arguments);
  AffineMap identity =
      RowwiseOp::identityMap(op.getContext(), op.getDomain().size());
  for (auto [row, argument] : llvm::zip(stored, loaded))
    if (isUsed(argument))
      rewrite.addRow(row.tensor, identity, argument);

  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(op);
  RowwiseOp made = rewrite.build(builder, op.getLoc(), body);
  copyAttributes(op, made);
  op.erase();
  return made;
}
