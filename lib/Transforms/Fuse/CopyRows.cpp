//===- CopyRows.cpp - The same rows as another type -----------------------===//

#include "mixln/Transforms/Fuse/CopyRows.h"

#include "mixln/IR/Sites.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mixln;

Value mixln::copyRows(OpBuilder &builder, Value value, RankedTensorType type,
                      Operation *at, StringRef what, Value addend) {
  SmallVector<Value> rows = {value};
  if (addend)
    rows.push_back(addend);
  auto row = VectorType::get(type.getShape().back(), builder.getF32Type());
  auto copy =
      RowwiseOp::create(builder, at->getLoc(), type.getShape().drop_back(),
                        rows, {}, {}, {}, row, TypeRange{}, {});
  copy->getResult(0).setType(type);
  if (!getSite(at).empty())
    setSite(copy, (getSite(at) + "." + what).str(), getLayer(at));
  OpBuilder body = OpBuilder::atBlockEnd(copy.getBodyBlock());
  Value result = copy.getRowArgument(0);
  if (addend)
    result = arith::AddFOp::create(body, at->getLoc(), result,
                                   copy.getRowArgument(1));
  YieldOp::create(body, at->getLoc(), result, ValueRange{});
  return copy->getResult(0);
}
