//===- Measure.cpp - Measurements at layers and sub-layers ----------------===//
//
//   mixln.measure @branch_ratio inputs ["F", "x"] per "sub_layer" reduce "mean"
//   =>  (in loss.measured, for every sub-layer)
//   %m = mixln.rowwise [R] rows(%F, %x) -> rows(tensor<Rxf32>) {...}
//   mixln.store %m, @measure.mean.branch_ratio.0 : tensor<Rxf32>
//
// What reads gradients is a mixln.measure_at until there are some. It and what
// is measured of parameters go on to `differentiate`, so those stay.
//
// The gradient of the loss by a stream is that by zeros that are added to it:
//
//   %z = mixln.load @measured_zeros
//   %x' = mixln.rowwise [R] rows(%x, %z) {... x + z ...}
//
// so that it is a result of the backward program, however much is joined.
//
//===----------------------------------------------------------------------===//

#include "mixln/IR/Measure.h"
#include "Forward.h"
#include "mixln/IR/Sites.h"

#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace mixln;

Value Forward::measuredValue(StringRef input, const Place &place) {
  return StringSwitch<Value>(input)
      .Case("dx", place.tap)
      .Case("x", place.x)
      .Case("y", place.y)
      .Case("h", place.h)
      .Case("F", place.F)
      .Case("peak", place.peak)
      .Case("entropy", place.entropy)
      .Default(getEmbedding());
}

LogicalResult Forward::measureAt(MeasureOp op, const Place &place,
                                 int64_t index) {
  SmallVector<Value> operands;
  bool waits = false;
  for (Attribute attr : op.getInputs()) {
    StringRef input = cast<StringAttr>(attr).getValue();
    waits |= isMeasuredGradient(input);
    operands.push_back(measuredValue(input, place));
  }
  Block &body = op.getBody().front();
  int64_t width =
      cast<RankedTensorType>(operands.front().getType()).getDimSize(1);
  if (body.getArgument(0).getType() !=
      VectorType::get(width, builder.getF32Type()))
    return op.emitOpError()
           << "reads rows of type " << body.getArgument(0).getType()
           << ", the model's have " << width << " columns";
  bool isSubLayer = op.getPer() == "sub_layer";
  int64_t atLayer = isSubLayer ? index / 2 : index;
  StringRef part = op.getPer() == "layer"    ? "."
                   : isSubLayer && index % 2 ? ".mlp."
                                             : ".attention.";
  std::string site =
      ("layers." + Twine(atLayer) + part + op.getSymName()).str();
  SmallVector<Value> results;
  if (waits) {
    size_t count = cast<YieldOp>(body.getTerminator()).getRows().size();
    SmallVector<Type> types(count, variables.f32({rows}));
    auto later = MeasureAtOp::create(builder, op.getLoc(), types,
                                     op.getSymName(), operands);
    setSite(later, site, atLayer);
    llvm::append_range(results, later.getNumbers());
  } else {
    RowwiseOp now = placeMeasure(builder, op, rows, operands, site, atLayer);
    llvm::append_range(results, now.getRowResults());
  }
  for (auto [i, result] : llvm::enumerate(results)) {
    std::string name = getMeasureVariable(op, Twine(index), i);
    if (failed(variables.declare(op.getLoc(), name, variables.f32({rows}),
                                 Role::Output)))
      return failure();
    store(result, name);
  }
  return success();
}

LogicalResult Forward::tapStream(const Twine &site) {
  // Nothing is joined with a lookup: its cotangent is whole as it is.
  if (streams.front().getDefiningOp<EmbeddingOp>()) {
    tap = streams.front();
    return success();
  }
  constexpr StringLiteral kZeros = "measured_zeros";
  if (failed(variables.declare(model.getLoc(), kZeros,
                               variables.f32({rows, hidden}), Role::Constant,
                               variables.init(InitKind::Constant, 0))))
    return failure();
  // A value of its own for each place: its cotangent is what is measured.
  auto zeros = LoadOp::create(builder, loc, variables.getType(kZeros), kZeros);
  setSite(zeros, site.str(), layer);
  tap = zeros;
  Type row = VectorType::get(hidden, builder.getF32Type());
  auto op = RowwiseOp::create(
      builder, loc, ArrayRef<int64_t>{rows}, ValueRange{streams.front(), tap},
      ArrayRef<AffineMap>(), ValueRange(), ArrayRef<double>(), TypeRange(row),
      TypeRange(), ArrayRef<AffineMap>());
  setSite(op, site.str(), layer);
  OpBuilder body = OpBuilder::atBlockEnd(op.getBodyBlock());
  RowBuilder b(body, loc);
  Value sum = b.add(op.getRowArgument(0), op.getRowArgument(1));
  YieldOp::create(body, loc, ValueRange(sum), ValueRange());
  // Whatever is the same value stays so, and gradients are added in the order
  // of the plain step.
  Value before = streams.front();
  for (Value &stream : streams)
    if (stream == before)
      stream = op.getRowResults()[0];
  if (embedding == before)
    embedding = op.getRowResults()[0];
  return success();
}

void Forward::beginMeasuring() {
  for (MeasureOp op : model.getBody().getOps<MeasureOp>())
    if (op.getPer() != "parameter" && isMeasuredLater(op))
      (op.getPer() == "layer" ? tapsLayers : tapsSubLayers) = true;
  isMeasured =
      llvm::any_of(model.getBody().getOps<MeasureOp>(),
                   [](MeasureOp op) { return op.getPer() == "attention"; });
}

LogicalResult Forward::measure() {
  for (MeasureOp op : model.getBody().getOps<MeasureOp>()) {
    StringRef per = op.getPer();
    if (per == "parameter")
      continue;
    bool isSubLayer = per == "sub_layer";
    for (int64_t i = 0, e = places.size() / (isSubLayer ? 1 : 2); i < e; ++i) {
      Place place = isSubLayer ? places[i] : places[2 * i];
      if (per == "layer")
        place = Place{
            places[2 * i].x, {}, {}, places[2 * i + 1].y, places[2 * i].tap};
      if (failed(measureAt(op, place, i)))
        return failure();
    }
  }
  return success();
}

bool mixln::isMeasuredLater(MeasureOp op) {
  return op.getPer() == "parameter" ||
         llvm::any_of(op.getInputs(), [](Attribute input) {
           return isMeasuredGradient(cast<StringAttr>(input).getValue());
         });
}
