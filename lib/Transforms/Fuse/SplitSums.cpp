//===- SplitSums.cpp - Sums of many rows, one at a time -------------------===//
//
// A value with many readers, such as the embedding as a source of every layer,
// has as many cotangents, which one row program adds at the end:
//
//   %a = ... ; %b = ... ; %c = ...
//   %s = mixln.rowwise rows(%a, %b, %c) { yield rows((%a + %b) + %c) }
//
// All of them live until then. Here each is added where it is made, by a
// program that can be joined with its producer:
//
//   %a = ... ; %b = ...
//   %t = mixln.rowwise rows(%a, %b) { yield rows(%a + %b) }
//   %c = ...
//   %s = mixln.rowwise rows(%t, %c) { yield rows(%t + %c) }
//
//===----------------------------------------------------------------------===//

#include "mixln/Transforms/Fuse/SplitSums.h"
#include "mixln/IR/Sites.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mixln;

/// Whether `op` adds its row operands, each once, and does nothing else.
static bool isSumOfRows(RowwiseOp op) {
  if (op->getNumResults() != 1 || op.getRowResults().size() != 1 ||
      !op.getShared().empty() || !op.getValues().empty() ||
      op.getRows().size() < 3)
    return false;
  for (unsigned i = 0; i < op.getRows().size(); ++i)
    if (!op.getRowMap(i).isIdentity() || !op.getRowArgument(i).hasOneUse() ||
        op.getRows()[i].getType() != op.getResult(0).getType())
      return false;
  return llvm::all_of(op.getBodyBlock()->without_terminator(),
                      [](Operation &inner) {
                        return isa<arith::AddFOp>(inner) && inner.hasOneUse();
                      });
}

static Value addTwo(OpBuilder &builder, RowwiseOp like, Value a, Value b) {
  Type row = like.getRowArgument(0).getType();
  auto op = RowwiseOp::create(builder, like.getLoc(), like.getDomain(), {a, b},
                              {}, {}, {}, row, {}, {});
  op->getResult(0).setType(cast<RankedTensorType>(a.getType()));
  copySite(like, op);
  op->removeDiscardableAttr("mixln.names");
  OpBuilder body = OpBuilder::atBlockEnd(op.getBodyBlock());
  Value sum = arith::AddFOp::create(body, like.getLoc(), op.getRowArgument(0),
                                    op.getRowArgument(1));
  YieldOp::create(body, like.getLoc(), sum, ValueRange{});
  return op->getResult(0);
}

void mixln::splitSums(EntryOp entry) {
  SmallVector<RowwiseOp> sums;
  for (auto op : entry.getBody().front().getOps<RowwiseOp>())
    if (isSumOfRows(op))
      sums.push_back(op);
  OpBuilder builder(entry);
  for (RowwiseOp op : sums) {
    // Results of one operation keep their order.
    auto rows = llvm::to_vector(llvm::enumerate(op.getRows()));
    llvm::sort(rows, [](const auto &a, const auto &b) {
      Operation *x = a.value().getDefiningOp(), *y = b.value().getDefiningOp();
      return x == y ? a.index() < b.index() : x->isBeforeInBlock(y);
    });
    Value total = rows.front().value();
    for (const auto &row : ArrayRef(rows).drop_front()) {
      builder.setInsertionPointAfterValue(row.value());
      total = addTwo(builder, op, total, row.value());
    }
    if (StringRef name = getName(cast<OpResult>(op->getResult(0)));
        !name.empty())
      setName(cast<OpResult>(total), name);
    op->getResult(0).replaceAllUsesWith(total);
    op.erase();
  }
}
