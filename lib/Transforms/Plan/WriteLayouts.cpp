//===- WriteLayouts.cpp - Producers write what packs would ----------------===//
//
// Before:
//
//   %d = mixln.rowwise [R] rows(...) -> rows([R, D] bf16)
//   %dx = mixln.matmul lhs(%d) rhs(%w)
//   %p = mixln.pack %d -> [R, D] bf16, #mixln.paired
//   %dw = mixln.matmul lhs(%p) rhs(%q) transpose_lhs
//
// After:
//
//   %d, %p = mixln.rowwise [R] rows(...)
//                -> rows([R, D] bf16, [R, D] bf16, #mixln.paired)
//   %dx = mixln.matmul lhs(%d) rhs(%w)
//   %dw = mixln.matmul lhs(%p) rhs(%q) transpose_lhs
//
// The rows are then laid out while they are in the first-level cache. A plain
// result that nothing else reads goes.
//
// What is packed long after it was made stays as it is: both would be kept.
//
//===----------------------------------------------------------------------===//

#include "mixln/Transforms/Plan/WriteLayouts.h"

#include "mixln/IR/Sites.h"

using namespace mlir;
using namespace mixln;

/// Most operations between a producer and a pack that it takes over.
static constexpr int64_t kMostBetween = 16;

/// Replaces `op` by a program that has a row result for each of `packs` too,
/// and none that is not read.
static void addLayouts(RowwiseOp op, ArrayRef<PackOp> packs) {
  SmallVector<Value> yielded;
  SmallVector<Type> types;
  SmallVector<Value> replaced;
  YieldOp yield = op.getYield();
  for (auto [value, result] :
       llvm::zip_equal(yield.getRows(), op.getRowResults())) {
    bool isRead = llvm::any_of(result.getUsers(), [&](Operation *user) {
      return !llvm::is_contained(packs, user);
    });
    if (!isRead)
      continue;
    yielded.push_back(value);
    types.push_back(result.getType());
    replaced.push_back(result);
  }
  for (PackOp pack : packs) {
    unsigned result = cast<OpResult>(pack.getValue()).getResultNumber();
    yielded.push_back(yield.getRows()[result]);
    types.push_back(pack.getResult().getType());
    replaced.push_back(pack.getResult());
  }
  size_t rows = yielded.size();
  llvm::append_range(types, op.getSumResults().getTypes());
  llvm::append_range(replaced, op.getSumResults());

  OperationState state(op.getLoc(), op->getName());
  state.addOperands(op->getOperands());
  state.addTypes(types);
  state.addAttributes(llvm::to_vector(op->getDiscardableAttrs()));
  state.propertiesAttr = op->getPropertiesAsAttribute();
  state.addRegion()->takeBody(op.getBody());
  OpBuilder builder(op);
  auto made = cast<RowwiseOp>(builder.create(state));
  made.getProperties().resultSegmentSizes[0] = static_cast<int32_t>(rows);
  made.getYield().getRowsMutable().assign(yielded);

  made->removeDiscardableAttr("mixln.names");
  for (auto [old, result] : llvm::zip_equal(replaced, made->getResults())) {
    if (old.getDefiningOp() == op)
      if (StringRef name = getName(cast<OpResult>(old)); !name.empty())
        setName(result, name);
    old.replaceAllUsesWith(result);
  }
  for (PackOp pack : packs)
    pack.erase();
  op.erase();
}

void mixln::writeLayouts(EntryOp entry, KernelGenerator &kernels) {
  DenseMap<Operation *, int64_t> position;
  llvm::MapVector<Operation *, SmallVector<PackOp>> packsOf;
  int64_t next = 0;
  for (Operation &op : entry.getBody().front()) {
    position[&op] = next++;
    auto pack = dyn_cast<PackOp>(op);
    auto value = pack ? dyn_cast<OpResult>(pack.getValue()) : OpResult();
    auto rows = value ? dyn_cast<RowwiseOp>(value.getOwner()) : RowwiseOp();
    if (!rows || value.getResultNumber() >= rows.getRowResults().size())
      continue;
    auto type = cast<RankedTensorType>(pack.getResult().getType());
    if (position[&op] - position[rows] <= kMostBetween &&
        kernels.canWriteLayout(rows, value.getResultNumber(), type))
      packsOf[rows].push_back(pack);
  }
  for (auto &[op, packs] : packsOf)
    addLayouts(cast<RowwiseOp>(op), packs);
}
