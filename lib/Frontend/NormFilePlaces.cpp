//===- NormFilePlaces.cpp - Norm files: layers and their sub-layers -------===//

#include "NormFileParser.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace llvm;
using namespace mixln;
using mlir::FailureOr;

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
    return wrong(where, value,
                 "a list of " + join(sites, ", ") +
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
    return wrong(where, value,
                 "an object of a formula for each stream that "
                 "changes");
  SmallVector<StringRef> streamNames(spec.streams.begin(), spec.streams.end());
  if (failed(checkKeys(object, where, streamNames)))
    return failure();
  FormulaNames names = rowNames(true);
  names.names["F"] = FormulaType::Row;
  bool usesBranch = false;
  for (const auto &[stream, text] : object.items()) {
    Formula parsed;
    if (failed(
            formula(text, (where + "." + stream).str(), names, true, parsed)))
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
  if (failed(checkKeys(value, where, {"when", "refused", "attention", "mlp"})))
    return failure();
  if (auto it = value.find("when"); it != value.end()) {
    std::string at = (where + ".when").str();
    if (!it->is_string())
      return wrong(at, *it, "a condition such as \"i < K\"");
    FailureOr<Formula> parsed =
        parseFormula(it->get<std::string>(), (file + ": " + at).str(), error);
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
  if (auto it = value.find("refused"); it != value.end()) {
    if (!it->is_string() || value.contains("attention") ||
        value.contains("mlp"))
      return wrong((where + ".refused").str(), *it,
                   "the reason, in place of attention and mlp");
    out.refused = it->get<std::string>();
    return success();
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
