//===- NormSpec.cpp - From a request to a norm spec -----------------------===//

#include "mixln/Frontend/NormSpec.h"
#include "mixln/Frontend/Json.h"
#include "mixln/Frontend/Presets.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"

#include <cmath>

using namespace llvm;
using namespace mixln;
using mlir::FailureOr;

const NormKindSpec *NormSpec::findKind(StringRef name) const {
  for (const NormKindSpec &kind : kinds)
    if (kind.name == name)
      return &kind;
  return nullptr;
}

/// Calls `visit` on every formula that a sub-layer holds.
static void forEachFormula(const SubLayerSpec &place,
                           function_ref<void(const Formula &)> visit) {
  for (const auto *use : {&place.in, &place.br, &place.post, &place.xNorm})
    if (*use)
      visit((*use)->gainInit);
  for (const FactorSpec *factor : {&place.a, &place.b}) {
    visit(factor->constant);
    if (factor->learned)
      visit(factor->learned->init);
  }
  visit(place.c);
  visit(place.read);
  for (const auto &[site, use] : place.inner)
    visit(use.gainInit);
  for (const auto &[stream, formula] : place.combine)
    visit(formula);
  for (const auto &[name, init] : place.init)
    visit(init.gain);
}

bool NormSpec::usesK() const {
  bool found = false;
  auto visit = [&](const Formula &formula) {
    found |= formula && usesName(*formula.root, "K");
  };
  for (const LayerRule &rule : layers) {
    visit(rule.when);
    forEachFormula(rule.attention, visit);
    forEachFormula(rule.mlp, visit);
  }
  for (const ParamSpec &param : params)
    visit(param.init);
  for (const auto &[stream, formula] : init)
    visit(formula);
  visit(readout);
  return found;
}

//===----------------------------------------------------------------------===//
// Units
//===----------------------------------------------------------------------===//

namespace {
/// `COUNTxATTENTION/MLP` of a list of units.
struct Unit {
  int64_t count;
  std::string attention, mlp;
};
} // namespace

/// Parses "3xpost,9xpre/lns"; fails where the text is not such a list.
static FailureOr<std::vector<Unit>> parseUnits(StringRef text) {
  std::vector<Unit> units;
  SmallVector<StringRef> parts;
  text.split(parts, ',');
  for (StringRef part : parts) {
    auto [count, names] = part.trim().split('x');
    Unit unit;
    if (count.getAsInteger(10, unit.count) || names.empty())
      return failure();
    auto [attention, mlp] = names.split('/');
    unit.attention = attention.str();
    unit.mlp = mlp.empty() ? attention.str() : mlp.str();
    units.push_back(unit);
  }
  return units;
}

/// What may be meant by `asked`: where it has an edition, names with one.
static std::vector<std::string> presetNames(StringRef asked) {
  std::vector<std::string> names;
  for (const Preset &preset :
       asked.contains('@') ? getEditionPresets() : getPresets())
    names.push_back(preset.name);
  return names;
}

static FormulaRef op(StringRef name, FormulaRef a, FormulaRef b) {
  auto node = std::make_shared<FormulaNode>();
  node->kind = FormulaNode::Kind::Operator;
  node->name = name.str();
  node->args = {std::move(a), std::move(b)};
  return node;
}

/// The condition `begin <= i < end and a and b` (null conditions hold).
static Formula conjunction(int64_t begin, int64_t end, const Formula &a,
                           const Formula &b, StringRef where) {
  auto layer = std::make_shared<FormulaNode>();
  layer->kind = FormulaNode::Kind::Name;
  layer->name = "i";
  FormulaRef root = op("and", op(">=", layer, numberFormula(begin).root),
                       op("<", layer, numberFormula(end).root));
  if (a)
    root = op("and", root, a.root);
  if (b)
    root = op("and", root, b.root);
  return Formula{"", where.str(), root};
}

/// A preset parsed for one half of a unit.
static FailureOr<NormSpec> unitPreset(StringRef name, StringRef request,
                                      StringRef normKind, std::string &error) {
  const Preset *preset = findPreset(name);
  if (!preset) {
    error = ("norm '" + request + "': unknown preset '" + name + "'" +
             suggest(name, presetNames(name)))
                .str();
    return failure();
  }
  FailureOr<NormSpec> spec =
      parseNormFile(preset->text, "preset " + name.str(), normKind, error);
  if (failed(spec))
    return failure();
  if (spec->usesK()) {
    error = ("norm '" + request + "': preset '" + name +
             "' depends on K, expected a preset that is the same in every "
             "layer")
                .str();
    return failure();
  }
  return spec;
}

/// What surrounds the layers and must be one for the whole model.
static std::string ends(const NormSpec &spec) {
  std::string text = join(spec.streams, ",") + ";" + spec.readout.text + ";";
  for (const auto &[flag, value] : spec.flags)
    text += "--" + flag + "=" + value + ";";
  for (const auto &[stream, formula] : spec.init)
    text += stream + "=" + formula.text + ",";
  return text;
}

static FailureOr<NormSpec> unitsSpec(ArrayRef<Unit> units, StringRef request,
                                     StringRef normKind, int64_t layers,
                                     std::string &error) {
  std::optional<NormSpec> result;
  std::string firstName;
  int64_t begin = 0;
  if (static_cast<int64_t>(units.size()) > layers) {
    error = "norm has " + std::to_string(units.size()) +
            " units, expected at most num_hidden_layers " +
            std::to_string(layers);
    return failure();
  }
  std::map<std::string, NormSpec> presets;
  auto preset = [&](const std::string &name) -> NormSpec * {
    auto known = presets.find(name);
    if (known != presets.end())
      return &known->second;
    FailureOr<NormSpec> spec = unitPreset(name, request, normKind, error);
    return failed(spec) ? nullptr : &(presets[name] = *spec);
  };
  for (const Unit &unit : units) {
    NormSpec *attention = preset(unit.attention);
    NormSpec *mlp = attention ? preset(unit.mlp) : nullptr;
    if (!mlp)
      return failure();
    if (unit.count <= 0 || unit.count > layers) {
      error = ("norm '" + request + "': " + Twine(unit.count) +
               " layers of a unit, expected 1 to num_hidden_layers " +
               Twine(layers))
                  .str();
      return failure();
    }
    if (!result) {
      result = *attention;
      result->layers.clear();
      result->stock.reset();
      firstName = unit.attention;
    }
    for (const auto &[spec, name] :
         {std::pair(&*attention, unit.attention), std::pair(&*mlp, unit.mlp)})
      if (ends(*spec) != ends(*result) || spec->kind != result->kind) {
        error = ("norm '" + request + "': presets '" + firstName + "' and '" +
                 name +
                 "' differ in streams, init, readout, norm kind or flags, so "
                 "they cannot stand in one model")
                    .str();
        return failure();
      }
    for (const NormSpec *spec : {attention, mlp})
      for (const std::string &line : spec->differences)
        if (!is_contained(result->differences, line))
          result->differences.push_back(line);
    for (const LayerRule &a : attention->layers)
      for (const LayerRule &m : mlp->layers) {
        LayerRule rule;
        rule.where = a.where;
        rule.when =
            conjunction(begin, begin + unit.count, a.when, m.when, request);
        rule.attention = a.attention;
        rule.mlp = m.mlp;
        rule.refused = a.refused.empty() ? m.refused : a.refused;
        result->layers.push_back(rule);
      }
    begin += unit.count;
  }
  if (begin != layers) {
    error = ("norm '" + request + "': the units cover " + Twine(begin) +
             " layers, expected num_hidden_layers " + Twine(layers))
                .str();
    return failure();
  }
  result->normType = request.str();
  result->json.clear();
  return *result;
}

//===----------------------------------------------------------------------===//
// K
//===----------------------------------------------------------------------===//

/// K from "3" or "25%" of `layers`.
static FailureOr<int64_t> parseK(StringRef text, StringRef request,
                                 int64_t layers, std::string &error) {
  auto fail = [&](const Twine &message) {
    error = ("norm '" + request + "': " + message).str();
    return failure();
  };
  if (text.consume_back("%")) {
    double percent;
    if (text.getAsDouble(percent) || !(percent >= 0 && percent <= 100))
      return fail("K is '" + text + "%', expected a share of 0% to 100%");
    return std::llround(percent / 100 * static_cast<double>(layers));
  }
  int64_t value;
  if (text.getAsInteger(10, value) || value < 0)
    return fail("K is '" + text +
                "', expected a number of layers such as 3 "
                "or 25%");
  return value;
}

/// Settles K and checks it against the number of layers.
static LogicalResult settleK(NormSpec &spec, std::optional<int64_t> given,
                             int64_t fallback, const ModelConfig &config,
                             std::string &error) {
  auto fail = [&](const Twine &message) {
    error = ("norm '" + StringRef(spec.request) + "': " + message).str();
    return failure();
  };
  if (!spec.usesK()) {
    if (given)
      return fail("K is given, but nothing in this norm depends on K");
    return success();
  }
  if (!given && fallback >= 0)
    given = fallback;
  if (!given)
    return fail("K, the number of leading layers, is missing: write '" +
                StringRef(spec.request) +
                ":3' or give post_num (--post_num, or in " + config.file + ")");
  if (*given > config.trainedLayers())
    return fail("K is " + Twine(*given) +
                ", expected at most "
                "num_hidden_layers " +
                Twine(config.trainedLayers()));
  spec.K = given;
  return success();
}

//===----------------------------------------------------------------------===//
// Requests
//===----------------------------------------------------------------------===//

/// What `text` names, whatever files there are: a preset stays a preset in a
/// folder that holds a file of its name.
static bool isPath(StringRef text) {
  return text.contains('/') || text.ends_with(".json");
}

FailureOr<NormSpec> mixln::resolveNorm(const NormRequest &request,
                                       const ModelConfig &config,
                                       std::string &error) {
  StringRef kind =
      request.normKind.empty() ? config.normKind : request.normKind;
  int64_t fallback = request.postNum >= 0 ? request.postNum : config.postNum;
  StringRef asked = request.norm;
  auto finish = [&](FailureOr<NormSpec> spec, StringRef text,
                    std::optional<int64_t> k) -> FailureOr<NormSpec> {
    if (failed(spec))
      return failure();
    spec->request = text.str();
    if (failed(settleK(*spec, k, fallback, config, error)))
      return failure();
    if (spec->K)
      spec->request =
          text.split(':').first.str() + ":" + std::to_string(*spec->K);
    return spec;
  };

  // What the config says about itself; it is data and opens no file.
  bool mayBeFile = !asked.empty();
  if (asked.empty()) {
    if (!config.normSpec.empty())
      return finish(parseNormFile(config.normSpec, config.file + ": norm_spec",
                                  kind, error),
                    config.normType.empty() ? "norm_spec"
                                            : StringRef(config.normType),
                    {});
    asked = config.normType;
    // Which model types there are was checked when the config was read.
    if (asked.empty())
      if (const Preset *stock = findStockPreset(config.modelType))
        asked = stock->name;
  }

  if (FailureOr<std::vector<Unit>> units = parseUnits(asked);
      succeeded(units)) {
    FailureOr<NormSpec> spec =
        unitsSpec(*units, asked, kind, config.trainedLayers(), error);
    if (succeeded(spec))
      spec->request = asked.str();
    return spec;
  }

  // A file may have a colon in its path, so the whole text is tried first.
  auto [name, kText] = asked.rsplit(':');
  bool isFile = mayBeFile && isPath(asked) && sys::fs::exists(asked);
  if (isFile) {
    name = asked;
    kText = {};
  }
  std::optional<int64_t> k;
  if (name.size() != asked.size()) {
    FailureOr<int64_t> parsed =
        parseK(kText, asked, config.trainedLayers(), error);
    if (failed(parsed))
      return failure();
    k = *parsed;
  }
  if (const Preset *preset = findPreset(name)) {
    FailureOr<NormSpec> spec =
        parseNormFile(preset->text, "preset " + name.str(), kind, error);
    if (succeeded(spec)) {
      spec->normType = preset->name;
      spec->json.clear();
    }
    return finish(std::move(spec), name, k);
  }
  if (mayBeFile && isPath(name)) {
    FailureOr<std::string> text = readTextFile(name, error);
    if (failed(text))
      return failure();
    return finish(parseNormFile(*text, name, kind, error), name, k);
  }
  std::vector<std::string> names = presetNames(name);
  error = (mayBeFile ? std::string() : config.file + ": norm_type: ") +
          "unknown norm '" + name.str() + "'" + suggest(name, names) +
          ", expected a norm file, units such as 3xpost,9xpre, or one of " +
          join(names, ", ");
  return failure();
}
