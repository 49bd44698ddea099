//===- RowwiseBuilder.cpp - Row programs under construction ---------------===//

#include "mixln/Transforms/Differentiate/RowwiseBuilder.h"
#include "mixln/IR/RowRewrite.h"
#include "mixln/IR/Sites.h"

#include "mlir/IR/Dominance.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/CSE.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace mixln;

//===----------------------------------------------------------------------===//
// RowwiseBuilder
//===----------------------------------------------------------------------===//

RowwiseBuilder::RowwiseBuilder(OpBuilder &builder, Location loc,
                               ArrayRef<int64_t> domain)
    : body(builder.getContext()), arithmetic(body, loc), builder(builder),
      loc(loc), domain(domain) {
  body.setInsertionPointToEnd(&block);
}

Value RowwiseBuilder::row(Value tensor, AffineMap map) {
  if (!map)
    map = RowwiseOp::identityMap(builder.getContext(), domain.size());
  rows.push_back(tensor);
  rowMaps.push_back(map);
  Type type =
      RowwiseOp::rowArgumentType(cast<RankedTensorType>(tensor.getType()), map);
  return rowArguments.emplace_back(block.addArgument(type, loc));
}

Value RowwiseBuilder::shared(Value tensor) {
  sharedTensors.push_back(tensor);
  Type type =
      RowwiseOp::sharedArgumentType(cast<RankedTensorType>(tensor.getType()));
  return sharedArguments.emplace_back(block.addArgument(type, loc));
}

Value RowwiseBuilder::value(double number) {
  values.push_back(number);
  return valueArguments.emplace_back(
      block.addArgument(builder.getF32Type(), loc));
}

void RowwiseBuilder::yieldRow(Value value, RankedTensorType type) {
  rowYields.push_back(value);
  rowTypes.push_back(type ? type
                          : RowwiseOp::rowResultType(domain, value.getType()));
}

void RowwiseBuilder::yieldSum(Value value, AffineMap map, Value init) {
  if (init) {
    intoSums.push_back(sumYields.size());
    into.push_back(init);
  }
  sumYields.push_back(value);
  sumMaps.push_back(
      map ? map : RowwiseOp::sumAllMap(builder.getContext(), domain.size()));
}

void RowwiseBuilder::setSite(StringRef name, int64_t index) {
  site = name.str();
  layer = index;
}

SmallVector<Value> RowwiseBuilder::finish() {
  YieldOp::create(body, loc, rowYields, sumYields);
  auto op = RowwiseOp::create(builder, loc, domain, rows, rowMaps,
                              sharedTensors, values, TypeRange(rowYields),
                              TypeRange(sumYields), sumMaps, into, intoSums);
  for (auto [result, type] : llvm::zip_equal(op.getRowResults(), rowTypes))
    result.setType(type);
  if (!site.empty())
    mixln::setSite(op, site, layer);
  SmallVector<Value> arguments = llvm::to_vector(
      llvm::concat<Value>(rowArguments, sharedArguments, valueArguments));
  for (auto [from, to] :
       llvm::zip_equal(arguments, op.getBodyBlock()->getArguments()))
    from.replaceAllUsesWith(to);
  op.getBodyBlock()->getOperations().splice(op.getBodyBlock()->end(),
                                            block.getOperations());

  IRRewriter rewriter(builder);
  return simplifyRowwise(rewriter, op,
                         llvm::BitVector(op->getNumResults(), true));
}

//===----------------------------------------------------------------------===//
// simplifyRowwise
//===----------------------------------------------------------------------===//

/// Operands that stand twice are read once. Equal `values` stay apart: they
/// may differ in another layer that shares the kernel.
static void mergeOperands(RowwiseOp op) {
  auto merge = [](unsigned count, auto same, auto argument) {
    for (unsigned i = 1; i < count; ++i)
      for (unsigned j = 0; j < i; ++j)
        if (same(i, j)) {
          argument(i).replaceAllUsesWith(argument(j));
          break;
        }
  };
  merge(
      op.getRows().size(),
      [&](unsigned i, unsigned j) {
        return op.getRows()[i] == op.getRows()[j] &&
               op.getRowMap(i) == op.getRowMap(j);
      },
      [&](unsigned i) { return op.getRowArgument(i); });
  merge(
      op.getShared().size(),
      [&](unsigned i, unsigned j) {
        return op.getShared()[i] == op.getShared()[j];
      },
      [&](unsigned i) { return op.getSharedArgument(i); });
}

/// Removes dead code and repeated expressions.
static void cleanBody(RewriterBase &rewriter, RowwiseOp op) {
  auto eraseDead = [&] {
    for (Operation &inner :
         llvm::make_early_inc_range(llvm::reverse(*op.getBodyBlock())))
      if (isOpTriviallyDead(&inner))
        rewriter.eraseOp(&inner);
  };
  eraseDead();
  DominanceInfo dominance(op);
  eliminateCommonSubExpressions(rewriter, dominance, op);
  eraseDead();
}

/// Yields what is marked in `keep`, so that the rest dies.
static void yieldOnly(RewriterBase &rewriter, RowwiseOp op,
                      const llvm::BitVector &keep) {
  YieldOp yield = op.getYield();
  SmallVector<Value> rows, sums;
  for (auto [i, value] : llvm::enumerate(yield->getOperands()))
    if (keep[i])
      (i < yield.getRows().size() ? rows : sums).push_back(value);
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(yield);
  YieldOp::create(rewriter, yield.getLoc(), rows, sums);
  rewriter.eraseOp(yield);
  cleanBody(rewriter, op);
}

SmallVector<Value> mixln::simplifyRowwise(RewriterBase &rewriter, RowwiseOp op,
                                          const llvm::BitVector &keep) {
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(op);
  mergeOperands(op);
  yieldOnly(rewriter, op, keep);

  // What is an operand already is not yielded either.
  SmallVector<Value> stands(op->getNumResults());
  llvm::BitVector computed(op.getYield()->getNumOperands(), true);
  unsigned next = 0;
  for (OpResult result : op.getRowResults()) {
    unsigned i = result.getResultNumber();
    if (!keep[i])
      continue;
    stands[i] =
        findOperand(op, op.getYield().getRows()[next], result.getType());
    if (stands[i])
      computed.reset(next);
    ++next;
  }
  yieldOnly(rewriter, op, computed);

  RowRewrite rewrite(op.getDomain());
  next = 0;
  for (OpResult result : op->getResults()) {
    unsigned i = result.getResultNumber(), rows = op.getRowResults().size();
    if (!keep[i] || stands[i])
      continue;
    Value yielded = op.getYield()->getOperand(next++);
    if (i < rows)
      rewrite.addRowResult(yielded, result);
    else
      rewrite.addSumOf(op, i - rows, yielded);
  }
  SmallVector<BlockArgument> used;
  for (BlockArgument argument : op.getBodyBlock()->getArguments())
    if (!argument.use_empty())
      used.push_back(argument);
  rewrite.addOperandsOf(op, used);
  RowwiseOp simple = rewrite.build(rewriter, op.getLoc(), op.getBodyBlock());
  if (simple)
    copyAttributes(op, simple);
  for (OpResult result : op->getResults()) {
    Value &stand = stands[result.getResultNumber()];
    if (stand)
      result.replaceAllUsesWith(stand);
    else
      stand = rewrite.standsFor(result);
  }
  rewriter.eraseOp(op);
  return stands;
}
