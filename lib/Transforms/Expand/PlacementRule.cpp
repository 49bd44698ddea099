//===- PlacementRule.cpp - What a placement means -------------------------===//
//
// The one rule of a residual sub-layer with branch F,
//
//   x' = post( gp( a * skip + b * br( F_inner( c * in(read) ) ) ) ),
//
// as two row programs. Regions made from formulas enter at the place of the
// keys that they stand for.
//
//===----------------------------------------------------------------------===//

#include "PlacementRule.h"

using namespace mlir;
using namespace mixln;

PlacementOp mixln::lookupPlacement(ModelOp model, StringRef name) {
  return dyn_cast_or_null<PlacementOp>(SymbolTable::lookupSymbolIn(
      model, StringAttr::get(model.getContext(), name)));
}

/// The regions of a sub-layer's `formulas`, null without; fails where the
/// symbol is unknown.
static FailureOr<PlacementOp> formulasOf(const SubLayer &subLayer) {
  auto symbol = subLayer.placement.getAs<FlatSymbolRefAttr>("formulas");
  if (!symbol)
    return PlacementOp();
  PlacementOp op = lookupPlacement(subLayer.model, symbol.getValue());
  if (!op)
    return emitError(subLayer.loc)
           << "unknown mixln.placement " << symbol << " in formulas";
  // The regions must be made for this model.
  int64_t hidden = subLayer.model.getInt("hidden_size");
  size_t streams = subLayer.model.getStreams().size();
  for (bool isCombine : {false, true}) {
    Region &region = isCombine ? op.getCombine() : op.getRead();
    if (region.empty())
      continue;
    auto rows = cast<YieldOp>(region.front().getTerminator()).getRows();
    size_t expected = isCombine ? streams : 1;
    if (rows.size() != expected)
      return op.emitOpError()
             << "yields " << rows.size() << " rows in "
             << (isCombine ? "combine" : "read") << ", expected " << expected;
    if (cast<VectorType>(rows[0].getType()).getDimSize(0) != hidden)
      return op.emitOpError()
             << "yields rows of type " << rows[0].getType()
             << ", expected hidden_size " << hidden << " columns";
  }
  return op;
}

SubLayerSites mixln::sitesOf(PlacementAttr attention, PlacementAttr own,
                             bool isMlp) {
  auto has = [&](PlacementAttr placement, StringRef key) {
    return placement.get(key) != Attribute();
  };
  SubLayerSites sites;
  sites.isMlp = isMlp;
  sites.attentionHasOutputNorm = has(attention, "br") || has(attention, "post");
  sites.hasBranchAndPost = has(own, "br") && has(own, "post");
  return sites;
}

/// Applies the norm `site` of the sub-layer, if it has one.
static LogicalResult applyNorm(const SubLayer &subLayer, Attribute attr,
                               const std::string &defaultName, int64_t width,
                               Wiring &wiring, Value &row) {
  auto site = dyn_cast_or_null<NormSiteAttr>(attr);
  if (!site)
    return success();
  StringRef kindName = site.getKind().getValue();
  NormKindOp kind = lookupKind(subLayer.model, kindName, width);
  if (!kind || kind.getBody().front().getArgument(0).getType() != row.getType())
    return emitError(subLayer.loc)
           << "norm kind '" << kindName << "' is not given for rows of "
           << width << " columns, expected mixln.norm_kind @" << kindName << "."
           << width;
  std::string name = site.getName().empty()
                         ? defaultName
                         : layerName(site.getName().getValue());
  row = wiring.norm(kind, name, site.getInit(), row);
  return success();
}

static LogicalResult applyNorm(const SubLayer &subLayer, StringRef site,
                               Wiring &wiring, Value &row) {
  std::string name = site == "x_norm" ? subLayerName(subLayer.sites.isMlp, site)
                                      : normSiteName(site, subLayer.sites);
  return applyNorm(subLayer, subLayer.placement.get(site), name,
                   subLayer.model.getInt("hidden_size"), wiring, row);
}

static StringRef firstStream(const SubLayer &subLayer) {
  return cast<StringAttr>(subLayer.model.getStreams()[0]).getValue();
}

/// The sum of streams and sources that `key` names; by default the first
/// stream. The first stream is meant after `x_norm`.
static LogicalResult source(const SubLayer &subLayer, StringRef key,
                            Wiring &wiring, Value &row) {
  StringRef first = firstStream(subLayer), text = first;
  if (auto attr = subLayer.placement.getAs<StringAttr>(key))
    text = attr.getValue();
  SmallVector<StringRef> names;
  text.split(names, '+');
  row = {};
  for (StringRef name : names) {
    name = name.trim();
    bool isStream =
        llvm::any_of(subLayer.model.getStreams(), [&](Attribute stream) {
          return cast<StringAttr>(stream).getValue() == name;
        });
    if (!isStream && name != "block" && name != "e")
      return emitError(subLayer.loc)
             << "'" << name << "' in " << key
             << " is no stream, expected streams, block or e";
    Value value = wiring.input(name);
    if (name == first && failed(applyNorm(subLayer, "x_norm", wiring, value)))
      return failure();
    row = row ? wiring.rows.add(row, value) : value;
  }
  return success();
}

/// The values that a region takes as trailing arguments.
static FailureOr<ArrayRef<double>> numbersOf(const SubLayer &subLayer,
                                             Region &region, ArrayAttr inputs,
                                             StringRef key) {
  ArrayRef<double> numbers;
  if (auto attr = subLayer.placement.getAs<DenseF64ArrayAttr>(key))
    numbers = attr.asArrayRef();
  size_t expected = region.getNumArguments() - inputs.size();
  if (numbers.size() != expected)
    return emitError(subLayer.loc) << key << " has " << numbers.size()
                                   << " numbers, expected " << expected;
  return numbers;
}

LogicalResult mixln::buildRead(const SubLayer &subLayer, Wiring &wiring) {
  FailureOr<PlacementOp> formulas = formulasOf(subLayer);
  if (failed(formulas))
    return failure();
  Value row;
  if (*formulas && !formulas->getRead().empty()) {
    FailureOr<ArrayRef<double>> numbers =
        numbersOf(subLayer, formulas->getRead(), formulas->getReadInputs(),
                  "read_values");
    if (failed(numbers))
      return failure();
    row = wiring.inlineRegion(*formulas, /*isCombine=*/false, *numbers)[0];
  } else if (failed(source(subLayer, "read", wiring, row))) {
    return failure();
  }
  if (failed(applyNorm(subLayer, "in", wiring, row)))
    return failure();
  if (auto c = subLayer.placement.getAs<FloatAttr>("c"))
    row = wiring.rows.mul(row, wiring.immediate(c.getValueAsDouble()));
  wiring.yield(row);
  return success();
}

/// z - silu(g) * stop_gradient(z): scales the gradient's path, not the value's.
static Value preserveGradient(const SubLayer &subLayer, Wiring &wiring,
                              Value z) {
  WiringParam gate;
  gate.name = subLayerName(subLayer.sites.isMlp, "gate");
  gate.type = Float32Type::get(z.getContext());
  gate.parameterClass = "gate";
  Value g = wiring.parameter(gate);
  Value silu = wiring.rows.mul(g, wiring.rows.sigmoid(g));
  return wiring.rows.sub(z, wiring.rows.mul(silu, wiring.rows.stopGradient(z)));
}

/// The factor `a` or `b`; null for 1.
static Value factor(Attribute attr, Wiring &wiring) {
  if (auto number = dyn_cast_or_null<FloatAttr>(attr))
    return wiring.immediate(number.getValueAsDouble());
  auto learned = dyn_cast_or_null<CoefficientAttr>(attr);
  if (!learned)
    return {};
  WiringParam param;
  param.name = layerName(learned.getName().getValue());
  param.type = learned.getIsRow() ? wiring.getRowType()
                                  : Type(Float32Type::get(attr.getContext()));
  param.init = learned.getInit();
  Value value = wiring.parameter(param);
  return learned.getIsAbs() ? wiring.rows.abs(value) : value;
}

/// The first stream after the branch, from the attributes.
static LogicalResult combineByAttributes(const SubLayer &subLayer,
                                         Wiring &wiring, Value &row) {
  PlacementAttr placement = subLayer.placement;
  auto gp = placement.getAs<StringAttr>("gp");
  Value skip, branch;
  if (failed(source(subLayer, "skip", wiring, skip)))
    return failure();
  branch = wiring.input("F");
  if (failed(applyNorm(subLayer, "br", wiring, branch)))
    return failure();
  if (gp && gp.getValue() == "skip")
    skip = preserveGradient(subLayer, wiring, skip);
  Value b = factor(placement.get("b"), wiring);
  Value a = factor(placement.get("a"), wiring);
  if (isa_and_nonnull<StringAttr>(placement.get("a"))) {
    Value one = wiring.rows.constant(1);
    a = wiring.rows.sub(one, b ? b : one);
  }
  if (b)
    branch = wiring.rows.mul(b, branch);
  if (a)
    skip = wiring.rows.mul(a, skip);
  row = wiring.rows.add(skip, branch);
  if (gp && gp.getValue() == "sum")
    row = preserveGradient(subLayer, wiring, row);
  return applyNorm(subLayer, "post", wiring, row);
}

LogicalResult mixln::buildCombine(const SubLayer &subLayer, Wiring &wiring) {
  FailureOr<PlacementOp> formulas = formulasOf(subLayer);
  if (failed(formulas))
    return failure();
  if (*formulas && !formulas->getCombine().empty()) {
    FailureOr<ArrayRef<double>> numbers =
        numbersOf(subLayer, formulas->getCombine(),
                  formulas->getCombineInputs(), "combine_values");
    if (failed(numbers))
      return failure();
    wiring.yield(wiring.inlineRegion(*formulas, /*isCombine=*/true, *numbers));
    return success();
  }
  SmallVector<Value> results;
  for (Attribute stream : subLayer.model.getStreams()) {
    Value row;
    if (results.empty()) {
      if (failed(combineByAttributes(subLayer, wiring, row)))
        return failure();
    } else {
      row = wiring.input(cast<StringAttr>(stream).getValue());
    }
    results.push_back(row);
  }
  wiring.yield(results);
  return success();
}

LogicalResult mixln::buildInner(const SubLayer &subLayer, StringRef site,
                                int64_t width, Wiring &wiring) {
  auto inner = subLayer.placement.getAs<DictionaryAttr>("inner");
  Value row = wiring.input("x");
  if (failed(applyNorm(subLayer, inner.get(site), innerSiteName(site), width,
                       wiring, row)))
    return failure();
  wiring.yield(row);
  return success();
}
