//===- NormFile.cpp - Norm files: the whole and its pieces ----------------===//

#include "NormFileParser.h"
#include "mixln/Frontend/Naming.h"
#include "mixln/Frontend/Presets.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

#include <cmath>
#include <functional>

using namespace llvm;
using namespace mixln;
using mlir::FailureOr;

static const StringRef parameterClasses[] = {
    "embed", "head", "qk", "v", "o", "ffn", "gain", "bias", "scale", "gate"};

//===----------------------------------------------------------------------===//
// Pieces
//===----------------------------------------------------------------------===//

LogicalResult NormFileParser::checkKeys(const Json &object, StringRef where,
                                        ArrayRef<StringRef> known) {
  // What the published placements also have, and this compiler does not.
  static const StringRef notBuilt[] = {"select", "schedule", "token",
                                       "router", "sinkhorn", "depth_softmax"};
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

bool mixln::isIdentifier(StringRef name) {
  return !name.empty() && (isAlpha(name.front()) || name.front() == '_') &&
         all_of(name, [](char c) { return isAlnum(c) || c == '_'; });
}

LogicalResult NormFileParser::checkNewName(StringRef name, StringRef where,
                                           StringRef what) {
  static const StringRef reserved[] = {"n",    "eps", "i",     "s",  "L",
                                       "K",    "F",   "block", "e",  "t",
                                       "norm", "and", "or",    "not"};
  if (!isIdentifier(name) || name.size() > 64)
    return fail(where, "'" + name + "' is not a name for a " + what +
                           ", expected letters, digits and '_'");
  if (is_contained(reserved, name) || findFunction(name))
    return fail(where, "'" + name +
                           "' has a meaning in formulas already and "
                           "cannot name a " +
                           what);
  return success();
}

LogicalResult NormFileParser::checkModuleName(StringRef name, StringRef where) {
  // Modules of every model, which an exported one could not hold as well.
  static const StringRef modules[] = {"layers", "embed_tokens", "self_attn",
                                      "mlp"};
  if (!isModuleAttribute(name) && !is_contained(modules, name))
    return success();
  return fail(where, "'" + name +
                         "' has a meaning in PyTorch's modules already and "
                         "cannot name a parameter of an exported model; give "
                         "it another name");
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
  FailureOr<Formula> parsed = parseFormula(value.get<std::string>(),
                                           (file + ": " + where).str(), error);
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
  SmallVector<StringRef> known = {"scalar", "row", "lr_mult", "decay", "class"};
  if (!inKind)
    known.push_back("per");
  if (failed(checkKeys(value, where, known)))
    return failure();
  bool scalar = value.contains("scalar");
  out.isRow = value.contains("row");
  if (scalar == out.isRow)
    return wrong(where, value,
                 "either \"scalar\" or \"row\" with the initial "
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
    // Those of a sub-layer have its name before theirs.
    if (out.per != ParamSpec::Per::SubLayer &&
        failed(checkModuleName(name, at)))
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
  if (!it->is_object() || failed(checkKeys(*it, "stock",
                                           {"model_type", "also_read",
                                            "architectures", "norm_kind"})))
    return error.empty() ? wrong("stock", *it, "an object") : failure();
  StockClass out;
  auto text = [&](const char *key) {
    auto value = it->find(key);
    return value != it->end() && value->is_string() ? value->get<std::string>()
                                                    : std::string();
  };
  out.modelType = text("model_type");
  out.normKind = text("norm_kind");
  if (auto list = it->find("architectures");
      list != it->end() && list->is_array() && list->size() == 1 &&
      list->front().is_string())
    out.architecture = list->front().get<std::string>();
  if (out.modelType.empty() || out.normKind.empty() || out.architecture.empty())
    return wrong("stock", *it, "model_type, norm_kind and one architecture");
  spec.stock = out;
  return success();
}

/// What a norm file may set: a checkpoint carries norm files from elsewhere, so
/// nothing that names a file, and only words that these flags have.
static const std::map<StringRef, std::vector<StringRef>> &settableFlags() {
  static const std::map<StringRef, std::vector<StringRef>> flags = {
      {"dtype", {"fp32", "bf16", "bf16_pure"}},
      {"loss_normalization", {"total", "micro_batch"}},
      {"eval_mean", {"total", "batches_plus_one"}}};
  return flags;
}

LogicalResult NormFileParser::flags(const Json &json) {
  auto it = json.find("flags");
  if (it == json.end())
    return success();
  if (!it->is_object())
    return wrong("flags", *it, "an object of flags with their values");
  SmallVector<StringRef> names = to_vector(make_first_range(settableFlags()));
  if (failed(checkKeys(*it, "flags", names)))
    return failure();
  for (const auto &[name, words] : settableFlags()) {
    auto value = it->find(name.str());
    if (value == it->end())
      continue;
    if (!value->is_string() || !is_contained(words, value->get<std::string>()))
      return wrong(("flags." + name).str(), *value,
                   "one of " + join(words, ", "));
    spec.flags[name.str()] = value->get<std::string>();
  }
  return success();
}

LogicalResult NormFileParser::lines(const Json &json, StringRef key,
                                    std::vector<std::string> &out) {
  auto it = json.find(key.str());
  if (it == json.end())
    return success();
  if (!it->is_array() || it->size() > 64)
    return wrong(key, *it, "a list of at most 64 lines of text");
  for (const Json &line : *it) {
    std::string text = line.is_string() ? line.get<std::string>() : "";
    if (text.empty() || text.size() > 500 ||
        any_of(text, [](unsigned char c) { return c < ' ' || c == 127; }))
      return wrong(key, line, "a line of text");
    out.push_back(text);
  }
  return success();
}

LogicalResult NormFileParser::parse(const Json &json, StringRef normKind) {
  if (failed(checkKeys(json, "",
                       {"description", "kinds", "streams", "init", "params",
                        "layers", "readout", "norm_kind", "stock", "also_named",
                        "flags", "differences", "not_reproduced"})) ||
      failed(flags(json)) ||
      failed(lines(json, "differences", spec.differences)) ||
      failed(lines(json, "not_reproduced", spec.notReproduced)) ||
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
  if (failed(checkKindCycles()) || failed(checkKindSizes()) ||
      failed(streams(json)) || failed(params(json)) || failed(stock(json)))
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
