//===- RowElements.cpp - Row programs without reductions, in pieces -------===//
//
// What needs no more of a row than a few neighbouring columns can be computed
// wherever these are: where a kernel of another kind stores them.
//
//===----------------------------------------------------------------------===//

#include "RowGpuEmitter.h"

#include "mixln/Conversion/RowsToGPU.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mixln;

bool mixln::isGpuElementwise(RowwiseOp op, int64_t width) {
  auto isRow = [&](Type type) {
    auto vector = dyn_cast<VectorType>(type);
    return vector && vector.getDimSize(0) == width;
  };
  if (op.getDomain().size() != 1 || !op.getSumResults().empty() ||
      !op.getValues().empty())
    return false;
  for (unsigned i = 0; i < op.getRows().size(); ++i)
    if (!op.getRowMap(i).isIdentity())
      return false;
  for (Operation &inner : op.getBodyBlock()->without_terminator())
    if (isa<vector::ReductionOp>(inner) || inner.getNumResults() != 1)
      return false;
  return llvm::all_of(op.getBodyBlock()->getArgumentTypes(), isRow) &&
         llvm::all_of(op.getYield().getRows().getTypes(), isRow);
}

void RowGpuEmitter::emitElements(int64_t chunk, Value column,
                                 function_ref<Value(unsigned)> load,
                                 function_ref<void(unsigned, Value)> store) {
  DenseMap<Value, Value> known;
  for (BlockArgument argument : op.getBodyBlock()->getArguments())
    if (stages.isLive(argument))
      known[argument] = load(argument.getArgNumber());
  auto lookup = [&](Value value) { return known.lookup(value); };
  for (Operation &inner : op.getBodyBlock()->without_terminator()) {
    if (!stages.isLive(inner.getResult(0)))
      continue;
    Value columns =
        isa<vector::StepOp>(inner) ? emitColumns(column, chunk) : Value();
    known[inner.getResult(0)] = emitOp(&inner, chunk, lookup, columns);
  }
  for (auto [i, row] : llvm::enumerate(op.getYield().getRows()))
    store(i, known.lookup(row));
}
