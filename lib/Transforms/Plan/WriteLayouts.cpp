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

#include "mixln/IR/RowResults.h"
#include "mixln/IR/TensorType.h"

using namespace mlir;
using namespace mixln;

/// Most operations between a producer and a pack that it takes over.
static constexpr int64_t kMostBetween = 16;

/// Replaces `op` by a program that has a row result for each of `packs` too,
/// and none that is not read.
static void addLayouts(RowwiseOp op, ArrayRef<PackOp> packs) {
  SmallVector<RowResult> results;
  for (OpResult result : op.getRowResults()) {
    bool isRead = llvm::any_of(result.getUsers(), [&](Operation *user) {
      return !llvm::is_contained(packs, user);
    });
    if (isRead)
      results.push_back({result.getResultNumber(), typeOf(result), result});
  }
  for (PackOp pack : packs)
    results.push_back({cast<OpResult>(pack.getValue()).getResultNumber(),
                       typeOf(pack.getResult()), pack.getResult()});
  moveToRowResults(op, results);
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
