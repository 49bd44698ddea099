//===- MergeMatmuls.cpp - Matmuls that share an input ---------------------===//
//
//   %q = mixln.matmul lhs(%h) rhs(%wq) transpose_rhs
//   %k = mixln.matmul lhs(%h) rhs(%wk) transpose_rhs
//   =>
//   %q, %k = mixln.matmul lhs(%h) rhs(%wq, %wk) transpose_rhs
//
// One launch then reads %h once, and its backward is one sum of products.
//
// Only within a layer: where all layers read one value, such as the embedding,
// the projections of the last would otherwise be kept from the first one on.
//
//===----------------------------------------------------------------------===//

#include "mixln/IR/Sites.h"
#include "mixln/Transforms/Merge/EntryGraph.h"
#include "mixln/Transforms/Merge/Join.h"

#include "mlir/IR/Remarks.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mixln;

/// The most results of one matmul: kernels keep what differs from one to the
/// next in the bits of a word.
static constexpr size_t kMostResults = 64;

static bool isMergeable(MatmulOp op) {
  return op.getLhs().size() == 1 && !op.getReduce() && op.getInto().empty() &&
         llvm::none_of(op.getRhs(), [](Value value) {
           return cast<RankedTensorType>(value.getType()).getEncoding();
         });
}

static Type elementOf(MatmulOp op) {
  return cast<RankedTensorType>(op->getResult(0).getType()).getElementType();
}

/// Whether `a` and `b` may be one matmul, as far as they alone say.
static bool fit(MatmulOp a, MatmulOp b) {
  return a.getLhs().front() == b.getLhs().front() &&
         a.getTransposeLhs() == b.getTransposeLhs() &&
         a.getTransposeRhs() == b.getTransposeRhs() &&
         elementOf(a) == elementOf(b) && getLayer(a) == getLayer(b) &&
         a->getNumResults() + b->getNumResults() <= kMostResults;
}

static MatmulOp mergeTwo(OpBuilder &builder, MatmulOp a, MatmulOp b) {
  builder.setInsertionPoint(b);
  SmallVector<Value> rhs(a.getRhs());
  llvm::append_range(rhs, b.getRhs());
  SmallVector<Type> types(a.getResultTypes());
  llvm::append_range(types, b.getResultTypes());
  auto loc = FusedLoc::get(builder.getContext(), {a.getLoc(), b.getLoc()});
  auto merged = MatmulOp::create(builder, loc, types, a.getLhs(), rhs,
                                 ValueRange{}, a.getTransposeLhs(),
                                 a.getTransposeRhs(), /*reduce=*/false);
  if (!getSite(a).empty())
    setSite(merged, (getSite(a) + "+" + getSite(b)).str(), getLayer(a));
  unsigned next = 0;
  for (MatmulOp old : {a, b})
    for (OpResult result : old->getResults()) {
      OpResult with = merged->getResult(next++);
      if (!getName(result).empty())
        setName(with, getName(result));
      result.replaceAllUsesWith(with);
    }
  b.erase();
  a.erase();
  return merged;
}

void mixln::mergeMatmuls(EntryOp entry, StringRef category) {
  EntryGraph graph(entry);
  OpBuilder builder(entry);
  SmallVector<MatmulOp> open;
  SmallVector<MatmulOp> all(entry.getBody().front().getOps<MatmulOp>());
  for (MatmulOp b : all) {
    if (!isMergeable(b))
      continue;
    auto a = llvm::find_if(open, [&](MatmulOp a) {
      return fit(a, b) && graph.indirectPath(a, b).empty() &&
             llvm::none_of(b->getOperands(), [&](Value operand) {
               return operand.getDefiningOp() == a;
             });
    });
    if (a == open.end()) {
      open.push_back(b);
      continue;
    }
    if (auto remark = remark::passed(
            b.getLoc(),
            remark::RemarkOpts::name("Merged").category(category).function(
                entry.getSymName())))
      remark << (getSite(*a) + " and " + getSite(b) +
                 ": both multiply the same rows")
                    .str();
    graph.bringTogether(*a, b);
    *a = mergeTwo(builder, *a, b);
  }
}
