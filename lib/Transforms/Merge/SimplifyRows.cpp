//===- SimplifyRows.cpp - Cleaning up row programs ------------------------===//

#include "mixln/IR/RowRewrite.h"
#include "mixln/IR/Sites.h"
#include "mixln/Transforms/Merge/Rows.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Dominance.h"
#include "mlir/Transforms/CSE.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;
using namespace mixln;

RowSimplifier::RowSimplifier(MLIRContext *context, bool dropStopGradient)
    : dropStopGradient(dropStopGradient) {
  RewritePatternSet set(context);
  for (RegisteredOperationName name :
       context->getRegisteredOperationsByDialect("arith"))
    name.getCanonicalizationPatterns(set, context);
  patterns = FrozenRewritePatternSet(std::move(set));
}

/// Row results that are an operand, unchanged: their users read the operand.
static void forwardCopies(RowwiseOp op) {
  for (auto [result, yielded] :
       llvm::zip(op.getRowResults(), op.getYield().getRows())) {
    Value operand = findOperand(op, yielded, result.getType());
    if (!operand)
      continue;
    StringRef name = getName(cast<OpResult>(result));
    auto source = dyn_cast<OpResult>(operand);
    if (source && !name.empty() && getName(source).empty())
      setName(source, name);
    result.replaceAllUsesWith(operand);
  }
}

/// The operations of the body that `values` need.
static llvm::SmallDenseSet<Operation *> neededOps(SmallVector<Value> values) {
  llvm::SmallDenseSet<Operation *> needed;
  while (!values.empty())
    if (Operation *producer = values.pop_back_val().getDefiningOp())
      if (needed.insert(producer).second)
        llvm::append_range(values, producer->getOperands());
  return needed;
}

RowwiseOp RowSimplifier::simplify(RowwiseOp op) {
  if (dropStopGradient)
    for (auto stop : llvm::make_early_inc_range(
             op.getBodyBlock()->getOps<StopGradientOp>())) {
      stop.replaceAllUsesWith(stop.getValue());
      stop.erase();
    }
  (void)applyPatternsGreedily(op.getBody(), patterns);
  IRRewriter rewriter(op.getContext());
  DominanceInfo dominance(op);
  eliminateCommonSubExpressions(rewriter, dominance, op);
  forwardCopies(op);

  // Results that nobody uses leave, then what only they needed.
  YieldOp yield = op.getYield();
  SmallVector<unsigned> liveRows, liveSums;
  SmallVector<Value> yielded;
  for (auto [i, result] : llvm::enumerate(op.getRowResults()))
    if (!result.use_empty()) {
      liveRows.push_back(i);
      yielded.push_back(yield.getRows()[i]);
    }
  for (auto [i, result] : llvm::enumerate(op.getSumResults()))
    if (!result.use_empty()) {
      liveSums.push_back(i);
      yielded.push_back(yield.getSums()[i]);
    }
  llvm::SmallDenseSet<Operation *> needed = neededOps(yielded);

  // Arguments in the order of their first use.
  llvm::SetVector<BlockArgument> arguments;
  auto use = [&](ValueRange values) {
    for (Value value : values)
      if (auto argument = dyn_cast<BlockArgument>(value))
        arguments.insert(argument);
  };
  for (Operation &inner : *op.getBodyBlock())
    if (needed.contains(&inner))
      use(inner.getOperands());
  use(yielded);

  RowRewrite rewrite(op.getDomain());
  rewrite.addOperandsOf(op, arguments.getArrayRef());
  for (unsigned i : liveRows)
    rewrite.addRowResult(yield.getRows()[i],
                         cast<OpResult>(op.getRowResults()[i]));
  for (unsigned i : liveSums)
    rewrite.addSumOf(op, i);
  rewriter.eraseOp(yield);
  for (Operation &dead :
       llvm::make_early_inc_range(llvm::reverse(*op.getBodyBlock())))
    if (!needed.contains(&dead))
      dead.erase();
  rewriter.setInsertionPoint(op);
  RowwiseOp result = rewrite.build(rewriter, op.getLoc(), op.getBodyBlock());
  if (result)
    copyAttributes(op, result);
  op.erase();
  return result;
}
