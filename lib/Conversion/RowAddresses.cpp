//===- RowAddresses.cpp - Where a row program's rows are ------------------===//

#include "RowAddresses.h"
#include "RowOps.h"

using namespace mlir;
using namespace mixln;

Type mixln::elementOf(Value tensor) {
  return cast<RankedTensorType>(tensor.getType()).getElementType();
}

Value mixln::elementAddress(KernelBuilder &b, Value ptr, Type element,
                            Value index) {
  return LLVM::GEPOp::create(b, b.ptrType(), element, ptr,
                             ArrayRef<LLVM::GEPArg>{index});
}

Value mixln::elementAddress(KernelBuilder &b, Value base, RankedTensorType type,
                            ArrayRef<Value> indices) {
  Value linear = emitLinearIndex(b, type, indices);
  return linear ? elementAddress(b, base, type.getElementType(), linear) : base;
}

void RowAddresses::take(function_ref<Value(unsigned)> pointer) {
  unsigned next = 0;
  auto list = [&](SmallVector<Value> &into, unsigned count) {
    into.clear();
    for (unsigned i = 0; i < count; ++i)
      into.push_back(pointer(next++));
  };
  list(rows, op.getRows().size());
  list(shared, op.getShared().size());
  list(into, op.getInto().size());
  list(results, op.getRowResults().size());
  list(sums, op.getSumResults().size());
  workspace = sums.empty() ? Value() : pointer(next);
}

void RowAddresses::moveTo(
    KernelBuilder &b, ValueRange point,
    function_ref<void(BlockArgument, Value, Type)> number) {
  rowsHere.clear();
  for (auto [i, operand] : llvm::enumerate(op.getRows())) {
    SmallVector<Value> indices;
    for (AffineExpr expr : op.getRowMap(i).getResults())
      indices.push_back(emitMapIndex(b, expr, point));
    rowsHere.push_back(elementAddress(
        b, rows[i], cast<RankedTensorType>(operand.getType()), indices));
    BlockArgument argument = op.getRowArgument(i);
    if (!isa<VectorType>(argument.getType()))
      number(argument, rowsHere.back(), elementOf(operand));
  }
}

std::pair<Value, Type> RowAddresses::of(RowSource source) {
  unsigned i = source.index;
  switch (source.kind) {
  case RowSource::Operand:
    return {rowsHere[i], elementOf(op.getRows()[i])};
  case RowSource::Shared:
    return {shared[i], elementOf(op.getShared()[i])};
  case RowSource::Result:
    return {resultsHere[i], elementOf(op.getRowResults()[i])};
  case RowSource::Buffer:
    break;
  }
  llvm_unreachable("a buffer is not one of the tensors");
}
