//===- RowResults.cpp -----------------------------------------------------===//

#include "mixln/IR/RowResults.h"

#include "mixln/IR/Sites.h"

using namespace mlir;
using namespace mixln;

RowwiseOp mixln::moveToRowResults(RowwiseOp op, ArrayRef<RowResult> results) {
  SmallVector<Value> yielded, replaced;
  SmallVector<Type> types;
  for (const RowResult &result : results) {
    yielded.push_back(op.getYield().getRows()[result.from]);
    types.push_back(result.type);
    replaced.push_back(result.replaced);
  }
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
  made.getProperties().resultSegmentSizes[0] =
      static_cast<int32_t>(results.size());
  made.getYield().getRowsMutable().assign(yielded);

  made->removeDiscardableAttr("mixln.names");
  for (auto [old, result] : llvm::zip_equal(replaced, made->getResults())) {
    if (!old)
      continue;
    if (old.getDefiningOp() == op)
      if (StringRef name = getName(cast<OpResult>(old)); !name.empty())
        setName(result, name);
    old.replaceAllUsesWith(result);
  }
  return made;
}
