//===- Measurements.cpp - Measurements of gradients and parameters --------===//
//
//   %m = mixln.measure_at @input_gradient (%x) -> tensor<8xf32>
//   mixln.store %m, @measure.root_sum.input_gradient.0
//   => behind the backward
//   %m = mixln.rowwise [8] rows(%dx) -> rows(tensor<8xf32>) {...}
//   mixln.store %m, @measure.root_sum.input_gradient.0
//
//   mixln.measure @weight_norm.32 inputs ["w"] per "parameter" ...
//   => in an entry of its own, for every parameter with rows of 32
//   %m = mixln.rowwise [96] rows(%w) -> rows(tensor<96xf32>) {...}
//   mixln.store %m, @measure.root_sum.weight_norm.by_layer.model.layers.0...
//
//===----------------------------------------------------------------------===//

#include "mixln/Transforms/Differentiate/Measurements.h"
#include "EntryBuilder.h"
#include "mixln/IR/Measure.h"
#include "mixln/IR/Sites.h"
#include "mixln/Transforms/Differentiate/Optimizers.h"
#include "mixln/Transforms/Differentiate/TensorHelpers.h"

using namespace mlir;
using namespace mixln;

LogicalResult mixln::placeMeasurements(EntryOp entry,
                                       function_ref<Value(Value)> gradientOf) {
  Block &block = entry.getBody().front();
  auto module = entry->getParentOfType<ModuleOp>();
  OpBuilder builder = OpBuilder::atBlockEnd(&block);
  for (auto op : llvm::make_early_inc_range(block.getOps<MeasureAtOp>())) {
    auto measure = module.lookupSymbol<MeasureOp>(op.getMeasure());
    SmallVector<Value> rows;
    for (auto [attr, value] : llvm::zip(measure.getInputs(), op.getValues())) {
      Value row = value;
      if (isMeasuredGradient(cast<StringAttr>(attr).getValue()))
        row = gradientOf(value);
      rows.push_back(row ? row
                         : buildZeros(builder, op.getLoc(),
                                      cast<RankedTensorType>(value.getType())));
    }
    int64_t domain =
        cast<RankedTensorType>(op.getNumbers().front().getType()).getDimSize(0);
    RowwiseOp placed =
        placeMeasure(builder, measure, domain, rows, getSite(op), getLayer(op));
    for (auto [number, result] :
         llvm::zip(op.getNumbers(), placed.getRowResults()))
      for (Operation *user : llvm::make_early_inc_range(number.getUsers())) {
        // Whatever else reads it would have to move with all its readers.
        if (!isa<StoreOp>(user))
          return user->emitError(
              "reads what is measured of a gradient, which is only stored");
        user->moveBefore(&block, block.end());
        user->replaceUsesOfWith(number, result);
      }
    op.erase();
  }
  return success();
}

static bool readsUpdate(MeasureOp measure) {
  return llvm::any_of(measure.getInputs(), [](Attribute input) {
    return cast<StringAttr>(input).getValue() == "u";
  });
}

/// The parameter as rows of whole vectors: a number is a row of one.
static Value asRows(EntryBuilder &e, Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  int64_t width = type.getShape().back();
  auto rows = RankedTensorType::get({type.getNumElements() / width, width},
                                    type.getElementType());
  if (type == rows)
    return tensor;
  if (type.getRank() == 1) {
    SmallVector<ReassociationIndices> groups = {{0, 1}};
    return tensor::ExpandShapeOp::create(e.builder, e.loc, rows, tensor,
                                         groups);
  }
  ReassociationIndices outer;
  for (int64_t i = 0; i + 1 < type.getRank(); ++i)
    outer.push_back(i);
  SmallVector<ReassociationIndices> groups = {outer, {type.getRank() - 1}};
  return tensor::CollapseShapeOp::create(e.builder, e.loc, rows, tensor,
                                         groups);
}

/// From what step() left behind: with p' = p - s * (d * p + direction),
/// p' - p = -s * (d * (p' + s * direction) / (1 - s * d) + direction).
static Value latestUpdate(EntryBuilder &e, VariableOp parameter) {
  StringRef name = parameter.getSymName(), key = getParameterClass(parameter);
  Value weights = asRows(e, e.load(name));
  RowwiseBuilder program(
      e.builder, e.loc,
      cast<RankedTensorType>(weights.getType()).getShape().take_front());
  program.setSite((name + ".update").str(), getLayerOf(parameter));
  RowBuilder &b = program.arithmetic;
  Value p = program.row(weights);
  Value m = program.row(asRows(e, e.load("adam_m." + name)));
  Value v = program.row(asRows(e, e.load("adam_v." + name)));
  auto shared = [&](const Twine &scalarName) {
    return program.shared(e.scalar(scalarName));
  };
  FloatAttr multiplier = parameter.getLrMultAttr();
  Value step =
      b.mul(shared("lr." + key),
            program.value(multiplier ? multiplier.getValueAsDouble() : 1.0));
  Value decoupled =
      b.mul(shared("decoupled_decay." + key),
            program.value(parameter.getDecay().value_or(true) ? 1.0 : 0.0));
  Value one = b.constant(1.0);
  Value unbiasedM = b.mul(m, b.div(one, shared("bias_correction1")));
  Value unbiasedV = b.mul(v, b.div(one, shared("bias_correction2")));
  Value direction = b.div(unbiasedM, b.add(b.sqrt(unbiasedV), shared("eps")));
  Value kept = b.div(one, b.sub(one, b.mul(step, decoupled)));
  Value before = b.mul(b.add(p, b.mul(step, direction)), kept);
  program.yieldRow(
      b.neg(b.mul(step, b.add(b.mul(decoupled, before), direction))));
  return program.finish().front();
}

/// A parameter's place in names: [update.]by_GROUP.PARAMETER
static void measureParameter(EntryBuilder &e, VariableOp parameter,
                             MeasureOp measure, llvm::StringMap<Value> &inputs,
                             function_ref<void(StringRef, int64_t)> declare) {
  SmallVector<Value> rows;
  StringRef name = parameter.getSymName();
  for (Attribute attr : measure.getInputs()) {
    StringRef input = cast<StringAttr>(attr).getValue();
    Value &value = inputs[input];
    if (!value)
      value = input == "u"
                  ? latestUpdate(e, parameter)
                  : asRows(e, e.load((input == "g" ? "grad." : "") + name));
    rows.push_back(value);
  }
  int64_t count = cast<RankedTensorType>(rows.front().getType()).getDimSize(0);
  RowwiseOp op = placeMeasure(e.builder, measure, count, rows,
                              (name + "." + getMeasureName(measure)).str(),
                              getLayerOf(parameter));
  for (auto [i, result] : llvm::enumerate(op.getRowResults())) {
    std::string variable =
        getMeasureVariable(measure,
                           (readsUpdate(measure) ? "update.by_" : "by_") +
                               measure.getBy().value_or("layer") + "." + name,
                           i);
    declare(variable, count);
    e.store(result, variable);
  }
}

void mixln::buildParameterMeasurements(
    EntryOp entry, ArrayRef<VariableOp> parameters, bool ofUpdates,
    function_ref<void(StringRef, int64_t)> declare) {
  EntryBuilder e(entry);
  SmallVector<MeasureOp> measures;
  for (MeasureOp measure : e.module.getOps<MeasureOp>())
    if (measure.getPer() == "parameter" && readsUpdate(measure) == ofUpdates)
      measures.push_back(measure);
  for (VariableOp parameter : parameters) {
    if (getLayerOf(parameter) < 0)
      continue;
    llvm::StringMap<Value> inputs;
    auto row = VectorType::get(
        cast<RankedTensorType>(parameter.getType()).getShape().back(),
        e.builder.getF32Type());
    for (MeasureOp measure : measures) {
      bool isMeant = !measure.getClasses() ||
                     llvm::is_contained(
                         measure.getClasses()->getAsValueRange<StringAttr>(),
                         getParameterClass(parameter));
      if (isMeant && measure.getBody().front().getArgument(0).getType() == row)
        measureParameter(e, parameter, measure, inputs, declare);
    }
  }
}
