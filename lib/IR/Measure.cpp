//===- Measure.cpp - Placing measurements ---------------------------------===//

#include "mixln/IR/Measure.h"
#include "mixln/IR/Sites.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace mixln;

RowwiseOp mixln::placeMeasure(OpBuilder &builder, MeasureOp measure,
                              int64_t domain, ValueRange rows, StringRef site,
                              int64_t layer) {
  Block &body = measure.getBody().front();
  SmallVector<Type> types(
      cast<YieldOp>(body.getTerminator()).getRows().getTypes());
  auto rowwise = RowwiseOp::create(
      builder, measure.getLoc(), ArrayRef<int64_t>{domain}, rows,
      ArrayRef<AffineMap>(), ValueRange(), ArrayRef<double>(), types,
      TypeRange(), ArrayRef<AffineMap>());
  setSite(rowwise, site, layer);
  IRMapping mapping;
  for (auto [i, argument] : llvm::enumerate(body.getArguments()))
    mapping.map(argument, rowwise.getRowArgument(i));
  OpBuilder inner = OpBuilder::atBlockEnd(rowwise.getBodyBlock());
  for (Operation &op : body)
    inner.clone(op, mapping);
  return rowwise;
}

StringRef mixln::getMeasureName(MeasureOp measure) {
  return measure.getSymName().split('.').first;
}

std::string mixln::getMeasureVariable(MeasureOp measure, const Twine &place,
                                      unsigned index) {
  return ((index == 0 ? "measure." : "measure_over.") + measure.getReduce() +
          "." + getMeasureName(measure) + "." + place)
      .str();
}
