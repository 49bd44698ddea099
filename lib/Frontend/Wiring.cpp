//===- Wiring.cpp - A row program under construction ----------------------===//

#include "mixln/Frontend/Wiring.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace mixln;

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

DictionaryAttr WiringParam::toAttribute(MLIRContext *context) const {
  Builder b(context);
  NamedAttrList list;
  list.append("shape",
              b.getStringAttr(isa<VectorType>(type) ? "row" : "scalar"));
  list.append("init", b.getF64FloatAttr(init));
  list.append("class", b.getStringAttr(parameterClass));
  if (lrMult != 1)
    list.append("lr_mult", b.getF64FloatAttr(lrMult));
  if (!decay)
    list.append("decay", b.getBoolAttr(false));
  return list.getDictionary(context);
}

WiringParam WiringParam::fromAttribute(StringRef name, Type type,
                                       DictionaryAttr attr) {
  WiringParam param;
  param.name = name.str();
  param.type = type;
  if (auto init = attr.getAs<FloatAttr>("init"))
    param.init = init.getValueAsDouble();
  if (auto parameterClass = attr.getAs<StringAttr>("class"))
    param.parameterClass = parameterClass.getValue().str();
  if (auto lrMult = attr.getAs<FloatAttr>("lr_mult"))
    param.lrMult = lrMult.getValueAsDouble();
  if (auto decay = attr.getAs<BoolAttr>("decay"))
    param.decay = decay.getValue();
  return param;
}

//===----------------------------------------------------------------------===//
// Wiring
//===----------------------------------------------------------------------===//

Wiring::Wiring(MLIRContext *context, Location loc, int64_t width)
    : block(std::make_unique<Block>()), builder(context),
      rowType(VectorType::get(width, Float32Type::get(context))),
      rows(builder, loc) {
  builder.setInsertionPointToEnd(block.get());
}

Value Wiring::addInput(StringRef name, Type type,
                       std::unique_ptr<WiringParam> param) {
  for (auto [i, input] : llvm::enumerate(inputs))
    if (input.name == name)
      return block->getArgument(i);
  // Numbers stay behind the named arguments.
  Value argument = block->insertArgument(inputs.size(), type, rows.loc);
  inputs.push_back({name.str(), std::move(param)});
  return argument;
}

Value Wiring::input(StringRef name) { return addInput(name, rowType, {}); }

Value Wiring::parameter(const WiringParam &param) {
  return addInput(param.name, param.type, std::make_unique<WiringParam>(param));
}

Value Wiring::immediate(double value) {
  for (auto [i, existing] : llvm::enumerate(values))
    if (existing == value)
      return block->getArgument(inputs.size() + i);
  values.push_back(value);
  return block->addArgument(builder.getF32Type(), rows.loc);
}

Value Wiring::norm(NormKindOp kind, StringRef prefix, DictionaryAttr inits,
                   Value row) {
  Block &body = kind.getBody().front();
  IRMapping mapping;
  mapping.map(body.getArgument(0), row);
  for (auto [i, name] : llvm::enumerate(kind.getParams())) {
    StringRef paramName = cast<StringAttr>(name).getValue();
    WiringParam param;
    param.name = (prefix + "." + paramName).str();
    param.type = body.getArgument(i + 1).getType();
    param.init = cast<FloatAttr>(kind.getInits()[i]).getValueAsDouble();
    param.parameterClass = "gain";
    if (auto classes = kind.getClasses())
      param.parameterClass = cast<StringAttr>((*classes)[i]).getValue().str();
    if (auto lrMult = kind.getLrMult())
      param.lrMult = cast<FloatAttr>((*lrMult)[i]).getValueAsDouble();
    if (auto decay = kind.getDecay())
      param.decay = cast<BoolAttr>((*decay)[i]).getValue();
    if (inits)
      if (auto init = inits.getAs<FloatAttr>(paramName))
        param.init = init.getValueAsDouble();
    mapping.map(body.getArgument(i + 1), parameter(param));
  }
  for (Operation &op : body.without_terminator())
    builder.clone(op, mapping);
  auto yield = cast<YieldOp>(body.getTerminator());
  return mapping.lookupOrDefault(yield.getRows().front());
}

SmallVector<Value> Wiring::inlineRegion(PlacementOp placement, bool isCombine,
                                        ArrayRef<double> numbers) {
  Region &region = isCombine ? placement.getCombine() : placement.getRead();
  ArrayAttr names =
      isCombine ? placement.getCombineInputs() : placement.getReadInputs();
  Block &body = region.front();
  IRMapping mapping;
  for (auto [i, argument] : llvm::enumerate(body.getArguments())) {
    if (i >= names.size()) {
      mapping.map(argument, immediate(numbers[i - names.size()]));
      continue;
    }
    StringRef name = cast<StringAttr>(names[i]).getValue();
    if (auto attr = placement.getParams().getAs<DictionaryAttr>(name))
      mapping.map(argument, parameter(WiringParam::fromAttribute(
                                name, argument.getType(), attr)));
    else
      mapping.map(argument, input(name));
  }
  for (Operation &op : body.without_terminator())
    builder.clone(op, mapping);
  SmallVector<Value> results;
  for (Value row : cast<YieldOp>(body.getTerminator()).getRows())
    results.push_back(mapping.lookupOrDefault(row));
  return results;
}

void Wiring::yield(ValueRange results) {
  YieldOp::create(builder, rows.loc, results, ValueRange());
}

NormKindOp mixln::lookupKind(ModelOp model, StringRef name, int64_t width) {
  // Kinds stand before the blocks: no table of a thousand layers for each norm.
  return dyn_cast_or_null<NormKindOp>(SymbolTable::lookupSymbolIn(
      model, StringAttr::get(model.getContext(), name + "." + Twine(width))));
}
