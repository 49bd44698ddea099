//===- RowRewrite.cpp - Building a row program from others ----------------===//

#include "mixln/IR/RowRewrite.h"
#include "mixln/IR/Sites.h"

using namespace mlir;
using namespace mixln;

void RowRewrite::addRow(Value value, AffineMap map, BlockArgument argument) {
  for (Row &row : rows)
    if (row.value == value && row.map == map)
      return row.arguments.push_back(argument);
  rows.push_back({value, map, {argument}});
}

void RowRewrite::addShared(Value value, BlockArgument argument) {
  for (Shared &known : shared)
    if (known.value == value)
      return known.arguments.push_back(argument);
  shared.push_back({value, {argument}});
}

void RowRewrite::addValue(double value, BlockArgument argument) {
  values.push_back({value, argument});
}

void RowRewrite::addRowResult(Value yielded, OpResult old) {
  for (RowResult &known : rowResults)
    if (known.yielded == yielded &&
        known.old.front().getType() == old.getType())
      return known.old.push_back(old);
  rowResults.push_back({yielded, {old}});
}

void RowRewrite::addSum(Value yielded, AffineMap map, Value into,
                        OpResult old) {
  for (Sum &known : sums)
    if (known.yielded == yielded && known.map == map && known.into == into)
      return known.old.push_back(old);
  sums.push_back({yielded, map, into, {old}});
}

void RowRewrite::addOperandsOf(RowwiseOp op,
                               ArrayRef<BlockArgument> arguments) {
  unsigned rowCount = op.getRows().size();
  unsigned sharedEnd = rowCount + op.getShared().size();
  for (BlockArgument argument : arguments) {
    unsigned i = argument.getArgNumber();
    if (i < rowCount)
      addRow(op.getRows()[i], op.getRowMap(i), argument);
    else if (i < sharedEnd)
      addShared(op.getShared()[i - rowCount], argument);
    else
      addValue(op.getValues()[i - sharedEnd], argument);
  }
}

void RowRewrite::addSumOf(RowwiseOp op, unsigned i, Value yielded) {
  Value into;
  for (auto [sum, init] : llvm::zip(op.getIntoSums(), op.getInto()))
    if (sum == i)
      into = init;
  addSum(yielded ? yielded : op.getYield().getSums()[i], op.getSumMap(i), into,
         cast<OpResult>(op.getSumResults()[i]));
}

/// What a region yields for a row result of type `tensor`, with the tensor's
/// element type.
static Type yieldTypeOf(RankedTensorType tensor, unsigned domainRank) {
  Type element = tensor.getElementType();
  if (tensor.getRank() == static_cast<int64_t>(domainRank))
    return element;
  return VectorType::get(tensor.getShape().back(), element);
}

RowwiseOp RowRewrite::build(OpBuilder &builder, Location loc,
                            ArrayRef<Block *> bodies) {
  if (rowResults.empty() && sums.empty())
    return {};
  SmallVector<Value> rowValues, sharedValues, yieldedRows, yieldedSums, into;
  SmallVector<AffineMap> rowMaps, sumMaps;
  SmallVector<double> numbers;
  SmallVector<Type> rowTypes, sumTypes;
  SmallVector<int64_t> intoSums;
  for (Row &row : rows) {
    rowValues.push_back(row.value);
    rowMaps.push_back(row.map);
  }
  for (Shared &known : shared)
    sharedValues.push_back(known.value);
  for (auto &[number, argument] : values)
    numbers.push_back(number);
  for (RowResult &result : rowResults)
    rowTypes.push_back(yieldTypeOf(
        cast<RankedTensorType>(result.old.front().getType()), domain.size()));
  for (auto [i, sum] : llvm::enumerate(sums)) {
    // A sum may be narrower in memory than it is computed.
    Type type = sum.yielded.getType();
    Type element =
        cast<RankedTensorType>(sum.old.front().getType()).getElementType();
    auto vector = dyn_cast<VectorType>(type);
    sumTypes.push_back(vector ? VectorType::get(vector.getShape(), element)
                              : element);
    sumMaps.push_back(sum.map);
    if (sum.into) {
      intoSums.push_back(i);
      into.push_back(sum.into);
    }
  }
  auto op =
      RowwiseOp::create(builder, loc, domain, rowValues, rowMaps, sharedValues,
                        numbers, rowTypes, sumTypes, sumMaps, into, intoSums);

  Block *body = op.getBodyBlock();
  // What is yielded may be an argument of an old body: those are replaced here.
  llvm::SmallDenseMap<Value, Value> replaced;
  auto replace = [&](BlockArgument argument, Value with) {
    argument.replaceAllUsesWith(with);
    replaced[argument] = with;
  };
  for (auto [i, row] : llvm::enumerate(rows))
    for (BlockArgument argument : row.arguments)
      replace(argument, op.getRowArgument(i));
  for (auto [i, known] : llvm::enumerate(shared))
    for (BlockArgument argument : known.arguments)
      replace(argument, op.getSharedArgument(i));
  for (auto [i, value] : llvm::enumerate(values))
    replace(value.second, op.getValueArgument(i));
  for (Block *old : bodies) {
    if (!old->empty() && isa<YieldOp>(old->back()))
      old->back().erase();
    body->getOperations().splice(body->end(), old->getOperations());
  }
  auto current = [&](Value value) {
    auto found = replaced.find(value);
    return found == replaced.end() ? value : found->second;
  };
  for (RowResult &result : rowResults)
    yieldedRows.push_back(current(result.yielded));
  for (Sum &sum : sums)
    yieldedSums.push_back(current(sum.yielded));
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(body);
  YieldOp::create(builder, loc, yieldedRows, yieldedSums);

  auto take = [](OpResult result, ArrayRef<OpResult> olds) {
    for (OpResult old : olds) {
      if (getName(result).empty() && !getName(old).empty())
        setName(result, getName(old));
      old.replaceAllUsesWith(result);
    }
  };
  for (auto [i, result] : llvm::enumerate(rowResults))
    take(op->getResult(i), result.old);
  for (auto [i, sum] : llvm::enumerate(sums))
    take(op->getResult(rowResults.size() + i), sum.old);
  return made = op;
}

Value RowRewrite::standsFor(OpResult old) const {
  for (auto [i, result] : llvm::enumerate(rowResults))
    if (llvm::is_contained(result.old, old))
      return RowwiseOp(made)->getResult(i);
  for (auto [i, sum] : llvm::enumerate(sums))
    if (llvm::is_contained(sum.old, old))
      return RowwiseOp(made)->getResult(rowResults.size() + i);
  return {};
}

Value mixln::findOperand(RowwiseOp op, Value yielded, Type type) {
  auto argument = dyn_cast<BlockArgument>(yielded);
  if (!argument || argument.getArgNumber() >= op.getRows().size())
    return {};
  unsigned i = argument.getArgNumber();
  Value operand = op.getRows()[i];
  bool isSame = operand.getType() == type && op.getRowMap(i).isIdentity();
  return isSame ? operand : Value();
}

void mixln::copyAttributes(Operation *from, Operation *to) {
  for (NamedAttribute attribute : from->getDiscardableAttrs())
    if (attribute.getName() != "mixln.names")
      to->setDiscardableAttr(attribute.getName(), attribute.getValue());
}
