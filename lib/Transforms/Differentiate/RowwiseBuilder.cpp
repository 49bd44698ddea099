//===- RowwiseBuilder.cpp - Row programs under construction ---------------===//

#include "mixln/Transforms/Differentiate/RowwiseBuilder.h"
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

/// The value that a row of the body is already, if it is: an operand read
/// through the identity.
static Value operandOf(RowwiseOp op, Value row, Type type) {
  auto argument = dyn_cast<BlockArgument>(row);
  if (!argument || argument.getArgNumber() >= op.getRows().size())
    return {};
  unsigned i = argument.getArgNumber();
  Value operand = op.getRows()[i];
  return op.getRowMap(i).isIdentity() && operand.getType() == type ? operand
                                                                   : Value();
}

SmallVector<Value> mixln::simplifyRowwise(RewriterBase &rewriter, RowwiseOp op,
                                          const llvm::BitVector &keep) {
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(op);
  mergeOperands(op);

  // Yield what is kept only, so that the rest dies.
  YieldOp yield = op.getYield();
  unsigned numRows = op.getRowResults().size();
  {
    SmallVector<Value> rows, sums;
    for (auto [i, value] : llvm::enumerate(yield->getOperands()))
      if (keep[i])
        (i < numRows ? rows : sums).push_back(value);
    OpBuilder::InsertionGuard yieldGuard(rewriter);
    rewriter.setInsertionPoint(yield);
    YieldOp::create(rewriter, yield.getLoc(), rows, sums);
    rewriter.eraseOp(yield);
  }
  cleanBody(rewriter, op);
  yield = op.getYield();

  // Which new result, or which operand, stands for each old result.
  SmallVector<Value> rowYields, sumYields, stands(op->getNumResults());
  SmallVector<int64_t> newRow(numRows, -1);
  SmallVector<int64_t> newSum(op.getSumResults().size(), -1);
  SmallVector<Type> rowTypes;
  SmallVector<AffineMap> sumMaps;
  SmallVector<Value> into;
  SmallVector<int64_t> intoSums;
  unsigned next = 0;
  for (auto [i, result] : llvm::enumerate(op.getRowResults())) {
    if (!keep[i])
      continue;
    Value value = yield.getRows()[next++];
    if ((stands[i] = operandOf(op, value, result.getType())))
      continue;
    for (unsigned j = 0; j < rowYields.size() && newRow[i] < 0; ++j)
      if (rowYields[j] == value && rowTypes[j] == result.getType())
        newRow[i] = j;
    if (newRow[i] >= 0)
      continue;
    newRow[i] = rowYields.size();
    rowYields.push_back(value);
    rowTypes.push_back(result.getType());
  }
  next = 0;
  for (unsigned i = 0; i < newSum.size(); ++i) {
    if (!keep[numRows + i])
      continue;
    Value value = yield.getSums()[next++];
    const auto *init = llvm::find(op.getIntoSums(), static_cast<int64_t>(i));
    bool starts = init != op.getIntoSums().end();
    for (unsigned j = 0; j < sumYields.size() && newSum[i] < 0 && !starts; ++j)
      if (sumYields[j] == value && sumMaps[j] == op.getSumMap(i) &&
          !llvm::is_contained(intoSums, static_cast<int64_t>(j)))
        newSum[i] = j;
    if (newSum[i] >= 0)
      continue;
    newSum[i] = sumYields.size();
    if (starts) {
      intoSums.push_back(newSum[i]);
      into.push_back(op.getInto()[init - op.getIntoSums().begin()]);
    }
    sumYields.push_back(value);
    sumMaps.push_back(op.getSumMap(i));
  }
  YieldOp::create(rewriter, yield.getLoc(), rowYields, sumYields)
      ->moveBefore(yield);
  rewriter.eraseOp(yield);
  cleanBody(rewriter, op);

  RowwiseOp simple;
  if (!rowYields.empty() || !sumYields.empty()) {
    SmallVector<Value> rows, shared;
    SmallVector<AffineMap> rowMaps;
    SmallVector<double> values;
    SmallVector<BlockArgument> used;
    for (unsigned i = 0; i < op.getRows().size(); ++i)
      if (!op.getRowArgument(i).use_empty()) {
        rows.push_back(op.getRows()[i]);
        rowMaps.push_back(op.getRowMap(i));
        used.push_back(op.getRowArgument(i));
      }
    for (unsigned i = 0; i < op.getShared().size(); ++i)
      if (!op.getSharedArgument(i).use_empty()) {
        shared.push_back(op.getShared()[i]);
        used.push_back(op.getSharedArgument(i));
      }
    for (unsigned i = 0; i < op.getValues().size(); ++i)
      if (!op.getValueArgument(i).use_empty()) {
        values.push_back(op.getValues()[i]);
        used.push_back(op.getValueArgument(i));
      }
    simple = RowwiseOp::create(rewriter, op.getLoc(), op.getDomain(), rows,
                               rowMaps, shared, values, TypeRange(rowYields),
                               TypeRange(sumYields), sumMaps, into, intoSums);
    for (auto [result, type] :
         llvm::zip_equal(simple.getRowResults(), rowTypes))
      result.setType(type);
    simple->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    Block *body = simple.getBodyBlock();
    for (auto [from, to] : llvm::zip_equal(used, body->getArguments()))
      rewriter.replaceAllUsesWith(from, to);
    body->getOperations().splice(body->end(),
                                 op.getBodyBlock()->getOperations());
  }

  for (unsigned i = 0; i < op->getNumResults(); ++i) {
    if (i < numRows && newRow[i] >= 0)
      stands[i] = simple.getRowResults()[newRow[i]];
    else if (i >= numRows && newSum[i - numRows] >= 0)
      stands[i] = simple.getSumResults()[newSum[i - numRows]];
    if (stands[i])
      rewriter.replaceAllUsesWith(op->getResult(i), stands[i]);
  }
  rewriter.eraseOp(op);
  return stands;
}
