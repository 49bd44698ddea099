//===- NormFile.cpp - JSON to NormSpec ------------------------------------===//
//
// One class walks the JSON with the place it is at ("layers[1].attention"),
// so that every error points there. Formulas are parsed and checked against
// the names of their place as they are met.
//
//===----------------------------------------------------------------------===//

#include "mixln/Frontend/Json.h"
#include "mixln/Frontend/NormSpec.h"
#include "mixln/Frontend/Presets.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

#include <cmath>

using namespace llvm;
using namespace mixln;
using mlir::FailureOr;

static const StringRef parameterClasses[] = {
    "embed", "head", "qk", "v", "o", "ffn", "gain", "bias", "scale", "gate"};

namespace {
class NormFileParser {
public:
  NormFileParser(StringRef file, NormSpec &spec, std::string &error)
      : file(file), spec(spec), error(error) {}

  LogicalResult parse(const Json &json, StringRef normKind);
  LogicalResult parseKinds(const Json &json, bool builtin);

private:
  LogicalResult fail(StringRef where, const Twine &message) {
    error = (file + ": " + where + (where.empty() ? "" : " ") + message).str();
    return failure();
  }
  LogicalResult wrong(StringRef where, const Json &found,
                      const Twine &expected) {
    return fail(where, "is " + Twine(describe(found)) + ", expected " +
                           expected);
  }
  /// Every key of `object` must be one of `known`.
  LogicalResult checkKeys(const Json &object, StringRef where,
                          ArrayRef<StringRef> known);
  LogicalResult checkNewName(StringRef name, StringRef where, StringRef what);

  LogicalResult formula(const Json &value, StringRef where,
                        const FormulaNames &names, bool rowAllowed,
                        Formula &out);
  LogicalResult number(const Json &value, StringRef where, Formula &out) {
    return formula(value, where, layerConstants(), false, out);
  }
  LogicalResult flag(const Json &value, StringRef where, bool &out);
  LogicalResult param(const Json &value, StringRef where, StringRef name,
                      const FormulaNames &constants, bool inKind,
                      ParamSpec &out);
  LogicalResult kindName(const Json &value, StringRef where, std::string &out);
  LogicalResult normUse(const Json &value, StringRef where,
                        std::optional<NormUse> &out);
  LogicalResult factor(const Json &value, StringRef where, bool isSkip,
                       FactorSpec &out);
  LogicalResult inner(const Json &value, StringRef where, bool isAttention,
                      SubLayerSpec &out);
  LogicalResult weightInit(const Json &value, StringRef where,
                           bool isAttention, SubLayerSpec &out);
  LogicalResult source(const Json &value, StringRef where, std::string &sum,
                       Formula *general);
  LogicalResult combine(const Json &value, StringRef where, SubLayerSpec &out);
  LogicalResult subLayer(const Json &value, StringRef where, bool isAttention,
                         SubLayerSpec &out);
  LogicalResult layer(const Json &value, StringRef where, LayerRule &out);
  LogicalResult streams(const Json &json);
  LogicalResult params(const Json &json);
  LogicalResult ends(const Json &json);
  LogicalResult stock(const Json &json);
  LogicalResult checkKindCycles();

  FormulaNames layerConstants(bool withLayer = true) {
    FormulaNames names;
    for (StringRef name : {"n", "eps", "L", "K"})
      names.names[name.str()] = FormulaType::Number;
    if (withLayer)
      for (StringRef name : {"i", "s"})
        names.names[name.str()] = FormulaType::Number;
    return names;
  }
  FormulaNames rowNames(bool inLayer) {
    FormulaNames names = layerConstants(inLayer);
    for (const std::string &stream : spec.streams)
      names.names[stream] = FormulaType::Row;
    if (inLayer)
      names.names["block"] = FormulaType::Row;
    names.names["e"] = FormulaType::Row;
    for (const ParamSpec &param : spec.params)
      if (inLayer || param.per == ParamSpec::Per::Model)
        names.names[param.name] =
            param.isRow ? FormulaType::Row : FormulaType::Number;
    names.kinds = kindNames();
    return names;
  }
  std::vector<std::string> kindNames() {
    std::vector<std::string> names = {"norm"};
    for (const NormKindSpec &kind : spec.kinds)
      names.push_back(kind.name);
    return names;
  }

  StringRef file;
  NormSpec &spec;
  std::string &error;
};
} // namespace

//===----------------------------------------------------------------------===//
// Pieces
//===----------------------------------------------------------------------===//

LogicalResult NormFileParser::checkKeys(const Json &object, StringRef where,
                                        ArrayRef<StringRef> known) {
  // What the published placements also have, and this compiler does not.
  static const StringRef notBuilt[] = {"select", "schedule", "token", "router",
                                       "sinkhorn", "depth_softmax"};
  for (const auto &[key, value] : object.items()) {
    if (is_contained(known, StringRef(key)))
      continue;
    if (is_contained(notBuilt, StringRef(key)))
      return fail(where.empty() ? key : (where + "." + key).str(),
                  "is not supported: placements that are chosen by a router, "
                  "follow a schedule or depend on the token cannot be built");
    std::vector<std::string> names;
    for (StringRef name : known)
      names.push_back(name.str());
    return fail(where, "unknown key '" + Twine(key) + "'" +
                           suggest(key, names) + ", expected " +
                           join(names, ", "));
  }
  return success();
}

static bool isIdentifier(StringRef name) {
  return !name.empty() && (isAlpha(name.front()) || name.front() == '_') &&
         all_of(name, [](char c) { return isAlnum(c) || c == '_'; });
}

LogicalResult NormFileParser::checkNewName(StringRef name, StringRef where,
                                           StringRef what) {
  static const StringRef reserved[] = {"n", "eps", "i", "s", "L", "K", "F",
                                       "block", "e", "t", "norm", "and", "or",
                                       "not"};
  if (!isIdentifier(name) || name.size() > 64)
    return fail(where, "'" + name + "' is not a name for a " + what +
                           ", expected letters, digits and '_'");
  if (is_contained(reserved, name) || findFunction(name))
    return fail(where, "'" + name + "' has a meaning in formulas already and "
                                    "cannot name a " +
                           what);
  return success();
}

LogicalResult NormFileParser::formula(const Json &value, StringRef where,
                                      const FormulaNames &names,
                                      bool rowAllowed, Formula &out) {
  if (value.is_number()) {
    double number = value.get<double>();
    if (!std::isfinite(number))
      return wrong(where, value, "a finite number");
    out = numberFormula(number);
    return success();
  }
  if (value.is_object() &&
      (value.contains("schedule") || value.contains("token")))
    return checkKeys(value, where, {});
  if (!value.is_string())
    return wrong(where, value, "a number or a formula");
  FailureOr<Formula> parsed = parseFormula(
      value.get<std::string>(), (file + ": " + where).str(), error);
  if (failed(parsed))
    return failure();
  FailureOr<FormulaType> type = checkFormula(*parsed, names, error);
  if (failed(type))
    return failure();
  if (*type == FormulaType::Condition) {
    error = parsed->message(1, "is a condition, expected a value");
    return failure();
  }
  if (*type == FormulaType::Row && !rowAllowed) {
    error = parsed->message(1, "is a row, expected a number");
    return failure();
  }
  out = *parsed;
  return success();
}

LogicalResult NormFileParser::flag(const Json &value, StringRef where,
                                   bool &out) {
  if (!value.is_boolean())
    return wrong(where, value, "true or false");
  out = value.get<bool>();
  return success();
}

LogicalResult NormFileParser::param(const Json &value, StringRef where,
                                    StringRef name,
                                    const FormulaNames &constants, bool inKind,
                                    ParamSpec &out) {
  if (!value.is_object())
    return wrong(where, value, "an object such as {\"scalar\": 0}");
  SmallVector<StringRef> known = {"scalar", "row", "lr_mult", "decay",
                                  "class"};
  if (!inKind)
    known.push_back("per");
  if (failed(checkKeys(value, where, known)))
    return failure();
  bool scalar = value.contains("scalar");
  out.isRow = value.contains("row");
  if (scalar == out.isRow)
    return wrong(where, value, "either \"scalar\" or \"row\" with the initial "
                               "value");
  out.name = name.str();
  if (failed(formula(value[scalar ? "scalar" : "row"],
                     (where + (scalar ? ".scalar" : ".row")).str(), constants,
                     false, out.init)))
    return failure();
  out.parameterClass = inKind ? "gain" : "scale";
  if (auto it = value.find("class"); it != value.end()) {
    if (!it->is_string() ||
        !is_contained(parameterClasses, it->get<std::string>()))
      return wrong((where + ".class").str(), *it,
                   "one of " + join(ArrayRef(parameterClasses), ", "));
    out.parameterClass = it->get<std::string>();
  }
  if (auto it = value.find("lr_mult"); it != value.end()) {
    if (!it->is_number() || !(it->get<double>() >= 0) ||
        !std::isfinite(it->get<double>()))
      return wrong((where + ".lr_mult").str(), *it,
                   "a number that is not negative");
    out.lrMult = it->get<double>();
  }
  if (auto it = value.find("decay"); it != value.end())
    if (failed(flag(*it, (where + ".decay").str(), out.decay)))
      return failure();
  if (auto it = value.find("per"); it != value.end()) {
    std::string per = it->is_string() ? it->get<std::string>() : "";
    if (per == "layer")
      out.per = ParamSpec::Per::Layer;
    else if (per == "model")
      out.per = ParamSpec::Per::Model;
    else if (per != "sublayer")
      return wrong((where + ".per").str(), *it,
                   "\"sublayer\", \"layer\" or \"model\"");
  }
  return success();
}

LogicalResult NormFileParser::kindName(const Json &value, StringRef where,
                                       std::string &out) {
  if (!value.is_string())
    return wrong(where, value, "the name of a norm kind");
  out = value.get<std::string>();
  std::vector<std::string> names = kindNames();
  if (is_contained(names, out))
    return success();
  return fail(where, "unknown norm kind '" + Twine(out) + "'" +
                         suggest(out, names) + ", expected " +
                         join(names, ", "));
}

LogicalResult NormFileParser::normUse(const Json &value, StringRef where,
                                      std::optional<NormUse> &out) {
  if (value.is_null() || value == Json("none"))
    return success();
  NormUse use;
  if (!value.is_object()) {
    if (failed(kindName(value, where, use.kind)))
      return failure();
    out = use;
    return success();
  }
  if (failed(checkKeys(value, where, {"kind", "name", "gain_init"})))
    return failure();
  use.kind = "norm";
  if (auto it = value.find("kind"); it != value.end())
    if (failed(kindName(*it, (where + ".kind").str(), use.kind)))
      return failure();
  if (auto it = value.find("name"); it != value.end()) {
    if (!it->is_string() || !isIdentifier(it->get<std::string>()))
      return wrong((where + ".name").str(), *it,
                   "a name of letters, digits and '_'");
    use.name = it->get<std::string>();
  }
  if (auto it = value.find("gain_init"); it != value.end())
    if (failed(number(*it, (where + ".gain_init").str(), use.gainInit)))
      return failure();
  out = use;
  return success();
}

LogicalResult NormFileParser::factor(const Json &value, StringRef where,
                                     bool isSkip, FactorSpec &out) {
  if (value.is_string()) {
    std::string text = value.get<std::string>();
    erase(text, ' ');
    if (isSkip && text == "1-b") {
      out.oneMinusB = true;
      return success();
    }
  }
  if (!value.is_object() || value.contains("schedule") ||
      value.contains("token"))
    return number(value, where, out.constant);
  Json plain = value;
  if (auto it = plain.find("abs"); it != plain.end()) {
    if (failed(flag(*it, (where + ".abs").str(), out.isAbs)))
      return failure();
    plain.erase(it);
  }
  std::string name;
  if (auto it = plain.find("name"); it != plain.end()) {
    if (!it->is_string() || !isIdentifier(it->get<std::string>()))
      return wrong((where + ".name").str(), *it,
                   "a name of letters, digits and '_'");
    name = it->get<std::string>();
    plain.erase(it);
  }
  if (failed(checkKeys(plain, where, {"scalar", "row"})))
    return failure();
  ParamSpec learned;
  if (failed(param(plain, where, name, layerConstants(), false, learned)))
    return failure();
  out.learned = learned;
  return success();
}

//===----------------------------------------------------------------------===//
// Sub-layers
//===----------------------------------------------------------------------===//

LogicalResult NormFileParser::inner(const Json &value, StringRef where,
                                    bool isAttention, SubLayerSpec &out) {
  SmallVector<StringRef> sites;
  if (isAttention)
    sites = {"q", "k", "v", "ctx"};
  else
    sites = {"ffn_mid"};
  Json object = value;
  if (value.is_array()) {
    object = Json::object();
    for (const Json &site : value) {
      if (!site.is_string())
        return wrong(where, value, "a list of " + join(sites, ", "));
      object[site.get<std::string>()] = "norm";
    }
  }
  if (!object.is_object())
    return wrong(where, value, "a list of " + join(sites, ", ") +
                                   " or an object with their norms");
  if (failed(checkKeys(object, where, sites)))
    return failure();
  for (const auto &[site, norm] : object.items()) {
    std::optional<NormUse> use;
    if (failed(normUse(norm, (where + "." + site).str(), use)))
      return failure();
    if (use)
      out.inner[site] = *use;
  }
  return success();
}

LogicalResult NormFileParser::weightInit(const Json &value, StringRef where,
                                         bool isAttention, SubLayerSpec &out) {
  if (!value.is_object())
    return wrong(where, value, "an object of weight classes");
  SmallVector<StringRef> classes;
  if (isAttention)
    classes = {"qk", "v", "o"};
  else
    classes = {"ffn_in", "ffn_out"};
  if (failed(checkKeys(value, where, classes)))
    return failure();
  for (const auto &[name, gain] : value.items()) {
    std::string at = (where + "." + name).str();
    WeightInit init;
    const Json *given = &gain;
    if (gain.is_object()) {
      if (failed(checkKeys(gain, at, {"xavier"})))
        return failure();
      if (!gain.contains("xavier"))
        return wrong(at, gain, "a formula or {\"xavier\": formula}");
      init.xavier = true;
      given = &gain["xavier"];
      at += ".xavier";
    }
    if (failed(number(*given, at, init.gain)))
      return failure();
    out.init[name] = init;
  }
  return success();
}

LogicalResult NormFileParser::source(const Json &value, StringRef where,
                                     std::string &sum, Formula *general) {
  Formula formulaOfSource;
  if (failed(formula(value, where, rowNames(true), true, formulaOfSource)))
    return failure();
  std::string text = formulaOfSource.text;
  erase_if(text, [](char c) { return isSpace(c); });
  SmallVector<StringRef> names;
  StringRef(text).split(names, '+');
  bool isSum = all_of(names, [&](StringRef name) {
    return name == "block" || name == "e" ||
           is_contained(spec.streams, name.str());
  });
  if (isSum) {
    sum = text;
    return success();
  }
  if (!general)
    return fail(where, "is '" + Twine(formulaOfSource.text) +
                           "', expected a sum of streams, block and e; write "
                           "\"combine\" for anything else");
  *general = formulaOfSource;
  return success();
}

LogicalResult NormFileParser::combine(const Json &value, StringRef where,
                                      SubLayerSpec &out) {
  Json object = value;
  // With one stream its name may be left out.
  if (value.is_string()) {
    object = Json::object();
    object[spec.streams.front()] = value;
  }
  if (!object.is_object() || object.empty())
    return wrong(where, value, "an object of a formula for each stream that "
                               "changes");
  SmallVector<StringRef> streamNames(spec.streams.begin(), spec.streams.end());
  if (failed(checkKeys(object, where, streamNames)))
    return failure();
  FormulaNames names = rowNames(true);
  names.names["F"] = FormulaType::Row;
  bool usesBranch = false;
  for (const auto &[stream, text] : object.items()) {
    Formula parsed;
    if (failed(formula(text, (where + "." + stream).str(), names, true,
                       parsed)))
      return failure();
    usesBranch |= usesName(*parsed.root, "F");
    out.combine.push_back({stream, parsed});
  }
  if (!usesBranch)
    return fail(where, "does not use F, so the branch would have no effect");
  return success();
}

LogicalResult NormFileParser::subLayer(const Json &value, StringRef where,
                                       bool isAttention, SubLayerSpec &out) {
  if (!value.is_object())
    return wrong(where, value, "an object of attributes or formulas");
  out.where = (file + ": " + where).str();
  if (failed(checkKeys(value, where,
                       {"in", "br", "post", "x_norm", "a", "b", "c", "gp",
                        "read", "skip", "combine", "inner", "inner_per_head",
                        "head_scale", "init"})))
    return failure();
  auto at = [&](StringRef key) { return (where + "." + key).str(); };
  std::pair<StringRef, std::optional<NormUse> *> norms[] = {
      {"in", &out.in},
      {"br", &out.br},
      {"post", &out.post},
      {"x_norm", &out.xNorm}};
  for (auto [key, use] : norms)
    if (auto it = value.find(key.str()); it != value.end())
      if (failed(normUse(*it, at(key), *use)))
        return failure();
  if (auto it = value.find("a"); it != value.end())
    if (failed(factor(*it, at("a"), /*isSkip=*/true, out.a)))
      return failure();
  if (auto it = value.find("b"); it != value.end())
    if (failed(factor(*it, at("b"), /*isSkip=*/false, out.b)))
      return failure();
  if (auto it = value.find("c"); it != value.end())
    if (failed(number(*it, at("c"), out.c)))
      return failure();
  if (auto it = value.find("gp"); it != value.end()) {
    if (*it != Json("sum") && *it != Json("skip"))
      return wrong(at("gp"), *it, "\"sum\" or \"skip\"");
    out.gp = it->get<std::string>();
  }
  if (auto it = value.find("read"); it != value.end())
    if (failed(source(*it, at("read"), out.readSum, &out.read)))
      return failure();
  if (auto it = value.find("skip"); it != value.end())
    if (failed(source(*it, at("skip"), out.skipSum, nullptr)))
      return failure();
  if (auto it = value.find("inner"); it != value.end())
    if (failed(inner(*it, at("inner"), isAttention, out)))
      return failure();
  if (auto it = value.find("inner_per_head"); it != value.end())
    if (failed(flag(*it, at("inner_per_head"), out.innerPerHead)))
      return failure();
  if (auto it = value.find("head_scale"); it != value.end())
    if (failed(flag(*it, at("head_scale"), out.headScale)))
      return failure();
  if (out.headScale && !isAttention)
    return fail(at("head_scale"), "is true, but an MLP has no heads");
  if (auto it = value.find("init"); it != value.end())
    if (failed(weightInit(*it, at("init"), isAttention, out)))
      return failure();
  auto it = value.find("combine");
  if (it == value.end())
    return success();
  for (StringRef key : {"br", "post", "x_norm", "a", "b", "gp", "skip"})
    if (value.contains(key.str()))
      return fail(at(key), "stands beside combine: both say how the branch "
                           "joins the streams");
  return combine(*it, at("combine"), out);
}

LogicalResult NormFileParser::layer(const Json &value, StringRef where,
                                    LayerRule &out) {
  if (!value.is_object())
    return wrong(where, value, "an object with attention and mlp");
  out.where = (file + ": " + where).str();
  if (failed(checkKeys(value, where, {"when", "attention", "mlp"})))
    return failure();
  if (auto it = value.find("when"); it != value.end()) {
    std::string at = (where + ".when").str();
    if (!it->is_string())
      return wrong(at, *it, "a condition such as \"i < K\"");
    FailureOr<Formula> parsed = parseFormula(it->get<std::string>(),
                                             (file + ": " + at).str(), error);
    if (failed(parsed))
      return failure();
    FormulaNames names = layerConstants();
    names.names.erase("s");
    FailureOr<FormulaType> type = checkFormula(*parsed, names, error);
    if (failed(type))
      return failure();
    if (*type != FormulaType::Condition) {
      error = parsed->message(1, "is a number, expected a condition such as "
                                 "'i < K'");
      return failure();
    }
    out.when = *parsed;
  }
  for (StringRef key : {"attention", "mlp"})
    if (!value.contains(key.str()))
      return fail(where, "lacks \"" + key + "\"");
  const Json &attention = value["attention"], &mlp = value["mlp"];
  if (failed(subLayer(attention, (where + ".attention").str(), true,
                      out.attention)))
    return failure();
  if (mlp != Json("same"))
    return subLayer(mlp, (where + ".mlp").str(), false, out.mlp);
  for (StringRef key : {"inner", "inner_per_head", "head_scale", "init"})
    if (attention.contains(key.str()))
      return fail((where + ".mlp").str(),
                  "is \"same\", but the attention has " + key +
                      ", which an MLP has not; write it out");
  out.mlp = out.attention;
  return success();
}

//===----------------------------------------------------------------------===//
// The file
//===----------------------------------------------------------------------===//

LogicalResult NormFileParser::streams(const Json &json) {
  spec.streams = {"x"};
  auto it = json.find("streams");
  if (it == json.end())
    return success();
  if (!it->is_array() || it->empty() || it->size() > 16)
    return wrong("streams", *it, "a list of one to 16 names");
  spec.streams.clear();
  for (const Json &name : *it) {
    if (!name.is_string())
      return wrong("streams", name, "a name");
    std::string text = name.get<std::string>();
    if (failed(checkNewName(text, "streams", "stream")))
      return failure();
    if (is_contained(spec.streams, text))
      return fail("streams", "names '" + Twine(text) + "' twice");
    if (is_contained(kindNames(), text))
      return fail("streams", "'" + Twine(text) + "' is a norm kind");
    spec.streams.push_back(text);
  }
  return success();
}

LogicalResult NormFileParser::params(const Json &json) {
  auto it = json.find("params");
  if (it == json.end())
    return success();
  if (!it->is_object() || it->size() > 64)
    return wrong("params", *it, "an object of at most 64 parameters");
  for (const auto &[name, value] : it->items()) {
    std::string at = "params." + name;
    if (failed(checkNewName(name, at, "parameter")))
      return failure();
    if (is_contained(spec.streams, name) || is_contained(kindNames(), name))
      return fail(at, "'" + Twine(name) + "' is a stream or a norm kind");
    // An initial value may name other entries; importing finds cycles.
    FormulaNames names = layerConstants();
    for (const auto &[other, ignored] : it->items())
      names.names[other] = FormulaType::Number;
    ParamSpec out;
    if (failed(param(value, at, name, names, false, out)))
      return failure();
    spec.params.push_back(out);
  }
  // Whether the values of params depend on each other in a circle.
  std::map<std::string, int> state;
  std::function<LogicalResult(const ParamSpec &)> visit =
      [&](const ParamSpec &param) -> LogicalResult {
    int &mark = state[param.name];
    if (mark == 1) {
      error = param.init.message(1, "the initial value of '" + param.name +
                                        "' depends on itself");
      return failure();
    }
    if (mark == 2)
      return success();
    mark = 1;
    for (const ParamSpec &other : spec.params)
      if (usesName(*param.init.root, other.name) && failed(visit(other)))
        return failure();
    state[param.name] = 2;
    return success();
  };
  for (const ParamSpec &param : spec.params)
    if (failed(visit(param)))
      return failure();
  return success();
}

LogicalResult NormFileParser::ends(const Json &json) {
  FormulaNames names = rowNames(false);
  if (auto it = json.find("readout"); it != json.end()) {
    if (failed(formula(*it, "readout", names, true, spec.readout)))
      return failure();
  }
  auto it = json.find("init");
  if (it == json.end())
    return success();
  if (!it->is_object())
    return wrong("init", *it, "an object of a formula for each stream");
  SmallVector<StringRef> streamNames(spec.streams.begin(), spec.streams.end());
  if (failed(checkKeys(*it, "init", streamNames)))
    return failure();
  for (const std::string &stream : spec.streams)
    names.names.erase(stream);
  for (const auto &[stream, text] : it->items()) {
    Formula parsed;
    if (failed(formula(text, "init." + stream, names, true, parsed)))
      return failure();
    spec.init.push_back({stream, parsed});
  }
  return success();
}

LogicalResult NormFileParser::stock(const Json &json) {
  auto it = json.find("stock");
  if (it == json.end())
    return success();
  if (!it->is_object() ||
      failed(checkKeys(*it, "stock",
                       {"model_type", "architectures", "norm_kind"})))
    return error.empty() ? wrong("stock", *it, "an object") : failure();
  StockClass out;
  auto text = [&](const char *key) {
    auto value = it->find(key);
    return value != it->end() && value->is_string()
               ? value->get<std::string>()
               : std::string();
  };
  out.modelType = text("model_type");
  out.normKind = text("norm_kind");
  if (auto list = it->find("architectures");
      list != it->end() && list->is_array() && list->size() == 1 &&
      list->front().is_string())
    out.architecture = list->front().get<std::string>();
  if (out.modelType.empty() || out.normKind.empty() ||
      out.architecture.empty())
    return wrong("stock", *it, "model_type, norm_kind and one architecture");
  spec.stock = out;
  return success();
}

LogicalResult NormFileParser::parseKinds(const Json &json, bool builtin) {
  auto it = json.find("kinds");
  if (it == json.end())
    return success();
  if (!it->is_object() || it->size() > 64)
    return wrong("kinds", *it, "an object of at most 64 norm kinds");
  std::vector<std::string> all = kindNames();
  for (const auto &[name, value] : it->items()) {
    std::string at = "kinds." + name;
    if (failed(checkNewName(name, at, "norm kind")))
      return failure();
    if (is_contained(all, name))
      return fail(at, "is built in; give it another name");
    all.push_back(name);
  }
  for (const auto &[name, value] : it->items()) {
    std::string at = "kinds." + name;
    if (!value.is_object())
      return wrong(at, value, "an object with params and y");
    if (failed(checkKeys(value, at, {"params", "y"})))
      return failure();
    NormKindSpec kind;
    kind.name = name;
    FormulaNames constants;
    for (StringRef constant : {"n", "eps", "L"})
      constants.names[constant.str()] = FormulaType::Number;
    FormulaNames names = constants;
    names.names["x"] = FormulaType::Row;
    names.kinds = all;
    if (auto params = value.find("params"); params != value.end()) {
      if (!params->is_object() || params->size() > 32)
        return wrong(at + ".params", *params,
                     "an object of at most 32 parameters");
      for (const auto &[paramName, paramValue] : params->items()) {
        std::string paramAt = at + ".params." + paramName;
        if (failed(checkNewName(paramName, paramAt, "parameter")))
          return failure();
        if (paramName == "x" || is_contained(all, paramName))
          return fail(paramAt, "'" + Twine(paramName) +
                                   "' is the row or a norm kind");
        ParamSpec param;
        if (failed(this->param(paramValue, paramAt, paramName, constants, true,
                               param)))
          return failure();
        kind.params.push_back(param);
        names.names[paramName] =
            param.isRow ? FormulaType::Row : FormulaType::Number;
      }
    }
    if (!value.contains("y"))
      return fail(at, "lacks \"y\", the formula of the normed row");
    if (failed(formula(value["y"], at + ".y", names, true, kind.y)))
      return failure();
    spec.kinds.push_back(kind);
  }
  return success();
}

LogicalResult NormFileParser::checkKindCycles() {
  std::map<std::string, int> state;
  std::function<LogicalResult(const NormKindSpec &)> visit =
      [&](const NormKindSpec &kind) -> LogicalResult {
    int &mark = state[kind.name];
    if (mark == 1) {
      error = kind.y.message(1, "norm kind '" + kind.name + "' uses itself");
      return failure();
    }
    if (mark == 2)
      return success();
    mark = 1;
    LogicalResult result = success();
    walkFormula(*kind.y.root, [&](const FormulaNode &node) {
      if (failed(result) || node.kind != FormulaNode::Kind::Call)
        return;
      const NormKindSpec *other =
          spec.findKind(node.name == "norm" ? spec.kind : node.name);
      if (other && !findFunction(node.name))
        result = visit(*other);
    });
    state[kind.name] = 2;
    return result;
  };
  for (const NormKindSpec &kind : spec.kinds)
    if (failed(visit(kind)))
      return failure();
  return success();
}

LogicalResult NormFileParser::parse(const Json &json, StringRef normKind) {
  if (failed(checkKeys(json, "",
                       {"description", "kinds", "streams", "init", "params",
                        "layers", "readout", "norm_kind", "stock"})) ||
      failed(parseKinds(json, /*builtin=*/false)))
    return failure();
  if (auto it = json.find("norm_kind"); it != json.end())
    if (failed(kindName(*it, "norm_kind", spec.kind)))
      return failure();
  if (!normKind.empty() &&
      failed(kindName(Json(normKind.str()), "norm_kind", spec.kind)))
    return failure();
  if (spec.kind == "norm")
    return fail("norm_kind", "is \"norm\", expected the name of a kind");
  if (failed(checkKindCycles()) || failed(streams(json)) ||
      failed(params(json)) || failed(stock(json)))
    return failure();
  auto it = json.find("layers");
  if (it == json.end())
    return fail("", "lacks \"layers\"");
  if (!it->is_array() || it->empty() || it->size() > 4096)
    return wrong("layers", *it, "a list of rules");
  for (const auto &[index, value] : enumerate(*it)) {
    LayerRule rule;
    if (failed(layer(value, ("layers[" + Twine(index) + "]").str(), rule)))
      return failure();
    spec.layers.push_back(rule);
  }
  return ends(json);
}

FailureOr<NormSpec> mixln::parseNormFile(StringRef text, StringRef file,
                                         StringRef normKind,
                                         std::string &error) {
  NormSpec spec;
  spec.file = file.str();
  spec.json = text.str();
  FailureOr<Json> builtin =
      parseJson(getBuiltinKinds(), "built-in kinds", error);
  if (failed(builtin) || failed(NormFileParser("built-in kinds", spec, error)
                                    .parseKinds(*builtin, /*builtin=*/true)))
    return failure();
  FailureOr<Json> json = parseJson(text, file, error);
  if (failed(json) ||
      failed(NormFileParser(file, spec, error).parse(*json, normKind)))
    return failure();
  return spec;
}
