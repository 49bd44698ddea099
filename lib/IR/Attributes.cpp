//===- Attributes.cpp - Assembly and checks of the attributes -------------===//

#include "mixln/IR/Mixln.h"

#include "mlir/IR/DialectImplementation.h"

using namespace mlir;
using namespace mixln;

//===----------------------------------------------------------------------===//
// Pieces
//===----------------------------------------------------------------------===//

/// Parses a number: a float or an integer literal, with a sign.
static ParseResult parseNumber(AsmParser &parser, double &value) {
  bool negative = succeeded(parser.parseOptionalMinus());
  int64_t integer;
  OptionalParseResult parsed = parser.parseOptionalInteger(integer);
  if (parsed.has_value()) {
    if (failed(*parsed))
      return failure();
    value = static_cast<double>(integer);
  } else if (failed(parser.parseFloat(value))) {
    return failure();
  }
  if (negative)
    value = -value;
  return success();
}

static void printNumber(AsmPrinter &printer, double value) {
  printer.printFloat(APFloat(value));
}

//===----------------------------------------------------------------------===//
// Init
//===----------------------------------------------------------------------===//

Attribute InitAttr::parse(AsmParser &parser, Type) {
  StringRef keyword;
  double value;
  SMLoc loc;
  if (parser.parseLess() || parser.getCurrentLocation(&loc) ||
      parser.parseKeyword(&keyword))
    return {};
  std::optional<InitKind> kind = symbolizeInitKind(keyword);
  if (!kind) {
    parser.emitError(loc) << "unknown initial value '" << keyword
                          << "', expected constant, normal, rope_cos or "
                             "rope_sin";
    return {};
  }
  if (parseNumber(parser, value) || parser.parseGreater())
    return {};
  return InitAttr::get(parser.getContext(), *kind, value);
}

void InitAttr::print(AsmPrinter &printer) const {
  printer << "<" << stringifyInitKind(getKind()) << " ";
  printNumber(printer, getValue());
  printer << ">";
}

//===----------------------------------------------------------------------===//
// NormSite
//===----------------------------------------------------------------------===//

Attribute NormSiteAttr::parse(AsmParser &parser, Type) {
  MLIRContext *context = parser.getContext();
  StringRef kind;
  std::string name;
  DictionaryAttr init = DictionaryAttr::get(context);
  if (parser.parseLess() || parser.parseKeyword(&kind))
    return {};
  while (succeeded(parser.parseOptionalComma())) {
    if (succeeded(parser.parseOptionalString(&name)))
      continue;
    if (parser.parseAttribute(init))
      return {};
  }
  if (parser.parseGreater())
    return {};
  return NormSiteAttr::get(context, StringAttr::get(context, kind),
                           StringAttr::get(context, name), init);
}

void NormSiteAttr::print(AsmPrinter &printer) const {
  printer << "<" << getKind().getValue();
  if (!getName().empty())
    printer << ", " << getName();
  if (!getInit().empty())
    printer << ", " << getInit();
  printer << ">";
}

//===----------------------------------------------------------------------===//
// Coefficient
//===----------------------------------------------------------------------===//

Attribute CoefficientAttr::parse(AsmParser &parser, Type) {
  StringRef shape;
  std::string name;
  double init;
  SMLoc loc;
  if (parser.parseLess() || parser.getCurrentLocation(&loc) ||
      parser.parseKeyword(&shape))
    return {};
  if (shape != "scalar" && shape != "row") {
    parser.emitError(loc) << "unknown shape '" << shape
                          << "' of a coefficient, expected scalar or row";
    return {};
  }
  if (parser.parseComma() || parser.parseString(&name) || parser.parseComma() ||
      parseNumber(parser, init))
    return {};
  bool isAbs = false;
  if (succeeded(parser.parseOptionalComma())) {
    if (parser.parseKeyword("abs"))
      return {};
    isAbs = true;
  }
  if (parser.parseGreater())
    return {};
  MLIRContext *context = parser.getContext();
  return CoefficientAttr::get(context, shape == "row",
                              StringAttr::get(context, name), init, isAbs);
}

void CoefficientAttr::print(AsmPrinter &printer) const {
  printer << "<" << (getIsRow() ? "row" : "scalar") << ", " << getName()
          << ", ";
  printNumber(printer, getInit());
  if (getIsAbs())
    printer << ", abs";
  printer << ">";
}

//===----------------------------------------------------------------------===//
// Placement
//===----------------------------------------------------------------------===//

Attribute PlacementAttr::parse(AsmParser &parser, Type) {
  NamedAttrList keys;
  auto parseKey = [&]() -> ParseResult {
    std::string key;
    SMLoc at = parser.getCurrentLocation();
    if (parser.parseKeywordOrString(&key))
      return failure();
    if (key.empty())
      return parser.emitError(at, "expected a key of a placement");
    Attribute value;
    if (failed(parser.parseOptionalEqual()))
      value = parser.getBuilder().getUnitAttr();
    else if (parser.parseAttribute(value))
      return failure();
    keys.append(key, value);
    return success();
  };
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::LessGreater,
                                     parseKey))
    return {};
  if (auto duplicate = keys.findDuplicate()) {
    parser.emitError(loc) << "'" << duplicate->getName().getValue()
                          << "' stands twice in a placement";
    return {};
  }
  MLIRContext *context = parser.getContext();
  return parser.getChecked<PlacementAttr>(context, keys.getDictionary(context));
}

/// As upstream reads it; upstream's own printer rounds to six digits.
static void printExactArray(AsmPrinter &printer, DenseF64ArrayAttr numbers) {
  printer << "array<f64";
  for (auto [i, number] : llvm::enumerate(numbers.asArrayRef())) {
    printer << (i ? ", " : ": ");
    printer.printFloat(APFloat(number));
  }
  printer << ">";
}

void PlacementAttr::print(AsmPrinter &printer) const {
  printer << "<";
  llvm::interleaveComma(getKeys(), printer, [&](NamedAttribute named) {
    printer << named.getName().getValue();
    if (isa<UnitAttr>(named.getValue()))
      return;
    printer << " = ";
    if (auto numbers = dyn_cast<DenseF64ArrayAttr>(named.getValue()))
      printExactArray(printer, numbers);
    else
      printer << named.getValue();
  });
  printer << ">";
}

namespace {
/// What the value of a key of a placement must be.
struct PlacementKey {
  StringRef name;
  StringRef expected;
  bool (*accepts)(Attribute);
};
} // namespace

template <typename... Ts> static bool acceptsAny(Attribute attr) {
  return isa<Ts...>(attr);
}

static bool acceptsSkipFactor(Attribute attr) {
  auto text = dyn_cast<StringAttr>(attr);
  return (text && text.getValue() == "1-b") ||
         isa<FloatAttr, CoefficientAttr>(attr);
}

static bool acceptsGradientScale(Attribute attr) {
  auto text = dyn_cast<StringAttr>(attr);
  return text && llvm::is_contained({"sum", "skip"}, text.getValue());
}

static const PlacementKey placementKeys[] = {
    {"in", "#mixln.norm", acceptsAny<NormSiteAttr>},
    {"br", "#mixln.norm", acceptsAny<NormSiteAttr>},
    {"post", "#mixln.norm", acceptsAny<NormSiteAttr>},
    {"x_norm", "#mixln.norm", acceptsAny<NormSiteAttr>},
    {"a", "a number, #mixln.coefficient or \"1-b\"", acceptsSkipFactor},
    {"b", "a number or #mixln.coefficient",
     acceptsAny<FloatAttr, CoefficientAttr>},
    {"c", "a number", acceptsAny<FloatAttr>},
    {"gp", "\"sum\" or \"skip\"", acceptsGradientScale},
    {"read", "a string such as \"x+block\"", acceptsAny<StringAttr>},
    {"skip", "a string such as \"x+block\"", acceptsAny<StringAttr>},
    {"inner", "a dictionary of #mixln.norm", acceptsAny<DictionaryAttr>},
    {"inner_per_head", "nothing (a flag)", acceptsAny<UnitAttr>},
    {"head_scale", "nothing (a flag)", acceptsAny<UnitAttr>},
    {"formulas", "the symbol of a mixln.placement",
     acceptsAny<FlatSymbolRefAttr>},
    {"read_values", "array<f64: ...>", acceptsAny<DenseF64ArrayAttr>},
    {"combine_values", "array<f64: ...>", acceptsAny<DenseF64ArrayAttr>},
    {"init_factor", "a dictionary of numbers", acceptsAny<DictionaryAttr>},
    {"init_xavier", "a dictionary of numbers", acceptsAny<DictionaryAttr>},
};

LogicalResult
PlacementAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                      DictionaryAttr keys) {
  for (NamedAttribute named : keys) {
    StringRef name = named.getName().getValue();
    const auto *key = llvm::find_if(
        placementKeys, [&](const PlacementKey &k) { return k.name == name; });
    if (key == std::end(placementKeys))
      return emitError() << "unknown key '" << name << "' in a placement";
    if (!key->accepts(named.getValue()))
      return emitError() << "'" << name << "' of a placement is "
                         << named.getValue() << ", expected " << key->expected;
  }
  for (StringRef init : {"init_factor", "init_xavier"})
    if (auto gains = keys.getAs<DictionaryAttr>(init))
      for (NamedAttribute named : gains) {
        StringRef name = named.getName().getValue();
        if (!llvm::is_contained({"qk", "v", "o", "ffn_in", "ffn_out"}, name))
          return emitError()
                 << "unknown weight class '" << name << "' in " << init
                 << ", expected qk, v, o, ffn_in or ffn_out";
        if (!isa<FloatAttr>(named.getValue()))
          return emitError() << "'" << name << "' of " << init << " is "
                             << named.getValue() << ", expected a number";
      }
  if (auto inner = keys.getAs<DictionaryAttr>("inner"))
    for (NamedAttribute named : inner) {
      StringRef name = named.getName().getValue();
      if (!llvm::is_contained({"q", "k", "v", "ctx", "ffn_mid"}, name))
        return emitError() << "unknown inner site '" << name
                           << "', expected q, k, v, ctx or ffn_mid";
      if (!isa<NormSiteAttr>(named.getValue()))
        return emitError() << "inner site '" << name << "' is "
                           << named.getValue() << ", expected #mixln.norm";
    }
  return success();
}

//===----------------------------------------------------------------------===//
// Packed
//===----------------------------------------------------------------------===//

Attribute PackedAttr::parse(AsmParser &parser, Type) {
  bool transposed = false;
  if (succeeded(parser.parseOptionalLess())) {
    if (parser.parseKeyword("transposed") || parser.parseGreater())
      return {};
    transposed = true;
  }
  return PackedAttr::get(parser.getContext(), transposed);
}

void PackedAttr::print(AsmPrinter &printer) const {
  if (getTransposed())
    printer << "<transposed>";
}
