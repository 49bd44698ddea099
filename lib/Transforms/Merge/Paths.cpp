//===- Paths.cpp - Row programs between matmuls ---------------------------===//

#include "mixln/Transforms/Merge/Paths.h"
#include "mixln/IR/Sites.h"
#include "mixln/Transforms/Merge/EntryGraph.h"

using namespace mlir;
using namespace mixln;

/// Whether some path from `a` to `b` has an operation that separates row
/// programs: a heavy one, or a sum over rows on the way.
static bool isSeparated(RowwiseOp a, RowwiseOp b) {
  llvm::SmallDenseSet<Operation *> reached, separated;
  auto isRowResult = [](Value value) {
    auto producer = value.getDefiningOp<RowwiseOp>();
    return !producer || cast<OpResult>(value).getResultNumber() <
                            producer.getRowResults().size();
  };
  for (Operation *op = a; op; op = op->getNextNode()) {
    bool reaches = op == a, separates = false;
    for (Value operand : op->getOperands()) {
      Operation *before = operand.getDefiningOp();
      if (!before || !reached.contains(before))
        continue;
      reaches = true;
      separates |= separated.contains(before) || !isRowResult(operand);
    }
    if (op == b)
      return separates;
    if (!reaches)
      continue;
    reached.insert(op);
    if (separates || isHeavy(op))
      separated.insert(op);
  }
  return false;
}

LogicalResult mixln::verifyOneRowProgramPerPath(EntryOp entry) {
  for (auto b : entry.getBody().front().getOps<RowwiseOp>()) {
    llvm::SetVector<RowwiseOp> producers;
    for (Value row : b.getRows())
      if (auto a = dyn_cast_or_null<RowwiseOp>(getProducerBehindReshapes(row)))
        producers.insert(a);
    for (RowwiseOp a : producers) {
      if (isSeparated(a, b))
        continue;
      InFlightDiagnostic diag =
          b.emitOpError()
          << "of " << describe(b) << " reads rows of " << describe(a)
          << " with nothing between them, expected one row program";
      diag.attachNote(a.getLoc())
          << "the other row program, domain [" << a.getDomain() << "]";
      return diag;
    }
  }
  return success();
}
