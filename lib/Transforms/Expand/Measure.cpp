//===- Measure.cpp - Measurements at layers and sub-layers ----------------===//
//
//   mixln.measure @branch_ratio inputs ["F", "x"] per "sub_layer" reduce "mean"
//   =>  (in loss.measured, for every sub-layer)
//   %m = mixln.rowwise [R] rows(%F, %x) -> rows(tensor<Rxf32>) {...}
//   mixln.store %m, @measure.mean.branch_ratio.0 : tensor<Rxf32>
//
//===----------------------------------------------------------------------===//

#include "Forward.h"
#include "mixln/IR/Sites.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace mixln;

LogicalResult Forward::measureAt(MeasureOp op, const Place &place,
                                 int64_t index) {
  SmallVector<Value> rowOperands;
  for (Attribute attr : op.getInputs())
    rowOperands.push_back(StringSwitch<Value>(cast<StringAttr>(attr).getValue())
                              .Case("x", place.x)
                              .Case("y", place.y)
                              .Case("h", place.h)
                              .Case("F", place.F)
                              .Default(getEmbedding()));
  Block &body = op.getBody().front();
  if (body.getArgument(0).getType() !=
      VectorType::get(hidden, builder.getF32Type()))
    return op.emitOpError()
           << "reads rows of type " << body.getArgument(0).getType()
           << ", the model's have " << hidden << " columns";
  auto rowwise = RowwiseOp::create(
      builder, op.getLoc(), ArrayRef<int64_t>{rows}, rowOperands,
      ArrayRef<AffineMap>(), ValueRange(), ArrayRef<double>(),
      TypeRange(builder.getF32Type()), TypeRange(), ArrayRef<AffineMap>());
  bool isSubLayer = op.getPer() == "sub_layer";
  int64_t atLayer = isSubLayer ? index / 2 : index;
  setSite(rowwise,
          ("layers." + Twine(atLayer) +
           (!isSubLayer ? "."
            : index % 2 ? ".mlp."
                        : ".attention.") +
           op.getSymName())
              .str(),
          atLayer);
  IRMapping mapping;
  for (auto [i, argument] : llvm::enumerate(body.getArguments()))
    mapping.map(argument, rowwise.getRowArgument(i));
  OpBuilder inner = OpBuilder::atBlockEnd(rowwise.getBodyBlock());
  for (Operation &bodyOp : body)
    inner.clone(bodyOp, mapping);
  std::string name =
      ("measure." + op.getReduce() + "." + op.getSymName() + "." + Twine(index))
          .str();
  if (failed(variables.declare(op.getLoc(), name, variables.f32({rows}),
                               Role::Output)))
    return failure();
  store(rowwise.getRowResults()[0], name);
  return success();
}

LogicalResult Forward::measure() {
  for (MeasureOp op : model.getBody().getOps<MeasureOp>()) {
    bool isSubLayer = op.getPer() == "sub_layer";
    for (int64_t i = 0, e = places.size() / (isSubLayer ? 1 : 2); i < e; ++i) {
      Place place = isSubLayer
                        ? places[i]
                        : Place{places[2 * i].x, {}, {}, places[2 * i + 1].y};
      if (failed(measureAt(op, place, i)))
        return failure();
    }
  }
  return success();
}
