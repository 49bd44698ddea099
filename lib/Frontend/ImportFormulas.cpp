//===- ImportFormulas.cpp - Formulas of a norm file to regions ------------===//

#include "Importer.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace mixln;

//===----------------------------------------------------------------------===//
// Sites
//===----------------------------------------------------------------------===//

/// Whether a call is a norm on F alone: the site `br`.
static bool isOnBranch(const FormulaNode &call) {
  return call.args.size() == 1 &&
         call.args[0]->kind == FormulaNode::Kind::Name &&
         call.args[0]->name == "F";
}

static bool isNorm(const FormulaNode &node) {
  return node.kind == FormulaNode::Kind::Call && !findFunction(node.name);
}

static bool hasUnnamedNorm(const SubLayerSpec &place, bool onBranch) {
  bool found = false;
  for (const auto &[stream, formula] : place.combine)
    walkFormula(*formula.root, [&](const FormulaNode &node) {
      found |=
          isNorm(node) && node.site.empty() && isOnBranch(node) == onBranch;
    });
  return found;
}

bool mixln::hasBranchNorm(const SubLayerSpec &place) {
  return place.br || hasUnnamedNorm(place, true);
}

bool mixln::hasPostNorm(const SubLayerSpec &place) {
  return place.post || hasUnnamedNorm(place, false);
}

//===----------------------------------------------------------------------===//
// Kinds
//===----------------------------------------------------------------------===//

namespace {
/// A kind's parameters with those of the kinds that it calls.
struct FlatParam {
  std::string name;
  const ParamSpec *spec;
};
} // namespace

static std::string siteOf(const FormulaNode &call) {
  return call.site.empty() ? call.name : call.site;
}

static void flatten(const NormSpec &spec, const NormKindSpec &kind,
                    const std::string &prefix, std::vector<FlatParam> &out) {
  for (const ParamSpec &param : kind.params)
    out.push_back({prefix + param.name, &param});
  walkFormula(*kind.y.root, [&](const FormulaNode &node) {
    if (!isNorm(node))
      return;
    std::string inside = prefix + siteOf(node) + ".";
    if (llvm::any_of(out, [&](const FlatParam &param) {
          return StringRef(param.name).starts_with(inside);
        }))
      return;
    flatten(spec, *spec.findKind(node.name == "norm" ? spec.kind : node.name),
            inside, out);
  });
}

NormKindOp Importer::kindAt(StringRef name, int64_t width) {
  std::string symbol = (name + "." + Twine(width)).str();
  auto known = kinds.find(symbol);
  if (known != kinds.end())
    return known->second;
  const NormKindSpec *kind = spec.findKind(name);
  std::vector<FlatParam> params;
  flatten(spec, *kind, "", params);
  if (width < 2 && !params.empty()) {
    error = spec.file + ": norm '" + name.str() + "' of a row of " +
            std::to_string(width) +
            " columns, expected at least 2 (is a size in " + config.file +
            " too small?)";
    return {};
  }

  Constants ofKind = constants;
  ofKind.erase("K");
  ofKind["n"] = static_cast<double>(width);
  SmallVector<Attribute> names, inits, classes, lrMults, decays;
  bool anyLrMult = false, anyNoDecay = false;
  for (const FlatParam &param : params) {
    FailureOr<double> init = evaluateFormula(param.spec->init, ofKind, error);
    if (failed(init))
      return {};
    names.push_back(builder.getStringAttr(param.name));
    inits.push_back(builder.getF64FloatAttr(*init));
    classes.push_back(builder.getStringAttr(param.spec->parameterClass));
    lrMults.push_back(builder.getF64FloatAttr(param.spec->lrMult));
    decays.push_back(builder.getBoolAttr(param.spec->decay));
    anyLrMult |= param.spec->lrMult != 1;
    anyNoDecay |= !param.spec->decay;
  }
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(&model.getBody().front());
  // Kinds stand in the order of their first use.
  if (!kinds.empty())
    for (Operation &op : model.getBody().front())
      if (isa<NormKindOp>(op))
        builder.setInsertionPointAfter(&op);
  Location loc = locationOf(kind->y.where);
  auto op = NormKindOp::create(
      builder, loc, symbol, builder.getArrayAttr(names),
      builder.getArrayAttr(inits), builder.getArrayAttr(classes),
      anyNoDecay ? builder.getArrayAttr(decays) : ArrayAttr(),
      anyLrMult ? builder.getArrayAttr(lrMults) : ArrayAttr());
  kinds[symbol] = op;

  Type row = VectorType::get(width, builder.getF32Type());
  Block &block = op.getBody().emplaceBlock();
  std::map<std::string, Value> values = {{"x", block.addArgument(row, loc)}};
  for (const FlatParam &param : params)
    values[param.name] =
        block.addArgument(param.spec->isRow ? row : builder.getF32Type(), loc);
  builder.setInsertionPointToEnd(&block);
  RowBuilder rows(builder, loc);

  // A kind inside a kind is lowered with its own row and parameters.
  std::function<FailureOr<Value>(const NormKindSpec &, Value, std::string)>
      lower = [&](const NormKindSpec &inner, Value x,
                  const std::string &prefix) -> FailureOr<Value> {
    FormulaScope scope;
    scope.constants = ofKind;
    scope.lookup = [&](StringRef name) {
      return name == "x" ? x : values[prefix + name.str()];
    };
    scope.norm = [&](const FormulaNode &node, Value value,
                     std::string &) -> Value {
      FailureOr<Value> result = lower(*spec.findKind(kindName(node.name)),
                                      value, prefix + siteOf(node) + ".");
      return succeeded(result) ? *result : Value();
    };
    return lowerFormula(inner.y, rows, row, scope, error);
  };
  FailureOr<Value> y = lower(*kind, values["x"], "");
  if (failed(y))
    return {};
  YieldOp::create(builder, loc, ValueRange(*y), ValueRange());
  return op;
}

//===----------------------------------------------------------------------===//
// Names in formulas
//===----------------------------------------------------------------------===//

FailureOr<double> Importer::paramInit(const ParamSpec &param,
                                      Constants &known) {
  // Values of other entries join what is known, so that each is found once.
  for (const ParamSpec &other : spec.params)
    if (!known.count(other.name) && usesName(*param.init.root, other.name)) {
      FailureOr<double> value = paramInit(other, known);
      if (failed(value))
        return failure();
      known[other.name] = *value;
    }
  return evaluateFormula(param.init, known, error);
}

Value Importer::lookup(StringRef name, Wiring &wiring, const Place *place) {
  for (const ParamSpec &param : spec.params) {
    if (param.name != name)
      continue;
    Constants known = place ? place->constants : constants;
    known["n"] = static_cast<double>(config.hiddenSize);
    // One initial value for all layers cannot depend on the layer.
    if (param.per != ParamSpec::Per::SubLayer)
      known.erase("s");
    if (param.per == ParamSpec::Per::Model)
      known.erase("i");
    FailureOr<double> init = paramInit(param, known);
    if (failed(init))
      return {};
    WiringParam wired;
    switch (param.per) {
    case ParamSpec::Per::SubLayer:
      wired.name = subLayerName(place->sites.isMlp, name);
      break;
    case ParamSpec::Per::Layer:
      wired.name = layerName(name);
      break;
    case ParamSpec::Per::Model:
      wired.name = ("model." + name).str();
      break;
    }
    wired.type = param.isRow ? wiring.getRowType() : Type(builder.getF32Type());
    wired.init = *init;
    wired.parameterClass = param.parameterClass;
    wired.lrMult = param.lrMult;
    wired.decay = param.decay;
    return wiring.parameter(wired);
  }
  return wiring.input(name);
}

FormulaScope Importer::scopeOf(Wiring &wiring, const Place *place,
                               StringRef region) {
  FormulaScope scope;
  scope.constants = constants;
  scope.constants["n"] = static_cast<double>(config.hiddenSize);
  if (place)
    for (const char *name : {"i", "s"})
      scope.layerConstants[name] = place->constants.at(name);
  scope.immediate = [&wiring](double value) { return wiring.immediate(value); };
  scope.lookup = [this, &wiring, place](StringRef name) {
    return lookup(name, wiring, place);
  };
  std::string regionName = region.str();
  scope.norm = [this, &wiring, place,
                regionName](const FormulaNode &node, Value row,
                            std::string &message) -> Value {
    std::string prefix;
    if (!place)
      prefix = "model." + (!node.site.empty()     ? node.site
                           : regionName == "init" ? "embed_norm"
                                                  : "norm");
    else if (!node.site.empty())
      prefix = subLayerName(place->sites.isMlp, node.site);
    else
      prefix = normSiteName(regionName == "read" ? "in"
                            : isOnBranch(node)   ? "br"
                                                 : "post",
                            place->sites);
    std::string kind = kindName(node.name).str();
    auto [it, isNew] = siteKinds.insert({prefix, kind});
    if (!isNew && it->second != kind) {
      message = "norm site '" + prefix + "' has the kinds '" + it->second +
                "' and '" + kind +
                "'; write KIND.NAME(...) to give one of them a name of its own";
      return {};
    }
    NormKindOp op = kindAt(kind, config.hiddenSize);
    if (!op)
      return {};
    operations += llvm::range_size(op.getBody().front());
    if (operations > kMaxOperations) {
      message = tooManyOperations();
      return {};
    }
    return wiring.norm(op, prefix, {}, row);
  };
  return scope;
}

//===----------------------------------------------------------------------===//
// Regions
//===----------------------------------------------------------------------===//

FailureOr<SmallVector<Value>>
Importer::lowerStreams(ArrayRef<std::pair<std::string, Formula>> formulas,
                       Wiring &wiring, const FormulaScope &scope,
                       function_ref<Value(StringRef)> unnamed) {
  SmallVector<Value> results;
  for (const std::string &stream : spec.streams) {
    const auto *it = llvm::find_if(
        formulas, [&](const auto &pair) { return pair.first == stream; });
    if (it == formulas.end()) {
      results.push_back(unnamed(stream));
      continue;
    }
    FailureOr<Value> value = lowerFormula(it->second, wiring.rows,
                                          wiring.getRowType(), scope, error);
    if (failed(value))
      return failure();
    results.push_back(*value);
  }
  return results;
}

std::string Importer::addPlacement(StringRef name, Wiring *read,
                                   Wiring *combine) {
  NamedAttrList params;
  auto inputsOf = [&](Wiring *wiring) {
    SmallVector<Attribute> names;
    if (wiring)
      for (const Wiring::Input &input : wiring->getInputs()) {
        names.push_back(builder.getStringAttr(input.name));
        if (input.param && !params.get(input.name))
          params.append(input.name,
                        input.param->toAttribute(builder.getContext()));
      }
    return builder.getArrayAttr(names);
  };
  ArrayAttr readInputs = inputsOf(read), combineInputs = inputsOf(combine);
  auto op = PlacementOp::create(builder, model.getLoc(), "",
                                params.getDictionary(builder.getContext()),
                                readInputs, combineInputs);
  if (read)
    op.getRead().push_back(read->takeBlock().release());
  if (combine)
    op.getCombine().push_back(combine->takeBlock().release());

  std::string text;
  llvm::raw_string_ostream stream(text);
  op->print(stream, OpPrintingFlags().printGenericOpForm().useLocalScope());
  // The model's ends are found by their names and shared with nobody.
  if (name == "init" || name == "readout")
    text = name.str();
  auto [it, isNew] = placements.insert({text, name.str()});
  if (isNew)
    op.setSymName(name);
  else
    op.erase();
  return it->second;
}

LogicalResult Importer::importFormulas(const Place &place,
                                       NamedAttrList &keys) {
  const SubLayerSpec &sub = place.spec;
  if (!sub.read && sub.combine.empty())
    return success();
  Location loc = locationOf(sub.where);
  std::optional<Wiring> read, combine;
  if (sub.read) {
    read.emplace(builder.getContext(), loc, config.hiddenSize);
    FailureOr<Value> value =
        lowerFormula(sub.read, read->rows, read->getRowType(),
                     scopeOf(*read, &place, "read"), error);
    if (failed(value))
      return failure();
    read->yield(*value);
    std::string inSite = normSiteName("in", place.sites);
    if (sub.in && sub.in->name.empty() && siteKinds.count(inSite)) {
      error = sub.where + ".in: the norms of \"in\" and in \"read\" would "
                          "both be the site 'in'; write KIND.NAME(...) in "
                          "read to give that one a name of its own";
      return failure();
    }
    operations += llvm::range_size(read->getBlock());
    if (!read->getValues().empty())
      keys.append("read_values",
                  builder.getDenseF64ArrayAttr(read->getValues()));
  }
  if (!sub.combine.empty()) {
    combine.emplace(builder.getContext(), loc, config.hiddenSize);
    FailureOr<SmallVector<Value>> values = lowerStreams(
        sub.combine, *combine, scopeOf(*combine, &place, "combine"),
        [&](StringRef stream) { return combine->input(stream); });
    if (failed(values))
      return failure();
    combine->yield(*values);
    operations += llvm::range_size(combine->getBlock());
    if (!combine->getValues().empty())
      keys.append("combine_values",
                  builder.getDenseF64ArrayAttr(combine->getValues()));
  }
  if (operations > kMaxOperations) {
    error = tooManyOperations();
    return failure();
  }
  std::string name =
      (place.sites.isMlp ? "mlp." : "attention.") + std::to_string(place.layer);
  name = addPlacement(name, read ? &*read : nullptr,
                      combine ? &*combine : nullptr);
  keys.append("formulas", FlatSymbolRefAttr::get(builder.getContext(), name));
  return success();
}

LogicalResult Importer::importEnds() {
  siteKinds.clear();
  if (!spec.init.empty()) {
    Wiring wiring(builder.getContext(), locationOf(spec.init[0].second.where),
                  config.hiddenSize);
    FailureOr<SmallVector<Value>> values =
        lowerStreams(spec.init, wiring, scopeOf(wiring, nullptr, "init"),
                     [&](StringRef) { return wiring.input("e"); });
    if (failed(values))
      return failure();
    wiring.yield(*values);
    addPlacement("init", nullptr, &wiring);
  }
  Formula readout = spec.readout;
  if (!readout) {
    FailureOr<Formula> byRule =
        parseFormula("norm(" + spec.streams.front() + ")", "readout", error);
    if (failed(byRule))
      return failure();
    readout = *byRule;
  }
  Wiring wiring(builder.getContext(), locationOf(readout.where),
                config.hiddenSize);
  FailureOr<Value> value =
      lowerFormula(readout, wiring.rows, wiring.getRowType(),
                   scopeOf(wiring, nullptr, "readout"), error);
  if (failed(value))
    return failure();
  wiring.yield(*value);
  addPlacement("readout", &wiring, nullptr);
  return success();
}
