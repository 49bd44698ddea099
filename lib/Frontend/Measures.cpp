//===- Measures.cpp - Measurements as formulas ----------------------------===//

#include "mixln/Frontend/Measures.h"

#include "mixln/Frontend/FormulaLowering.h"
#include "mixln/Frontend/Json.h"
#include "mixln/Frontend/Wiring.h"
#include "mixln/IR/Measure.h"

#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mixln;

static const char builtinMeasures[] =
#define MIXLN_MEASURES
#include "EmbeddedConfigs.inc"
#undef MIXLN_MEASURES
    ;

StringRef mixln::getBuiltinMeasures() { return builtinMeasures; }

namespace {
/// Reads one measurement. Methods that return failure have set `error`.
class MeasureReader {
public:
  MeasureReader(ModelOp model, StringRef file, std::string &error)
      : model(model), file(file), error(error) {}

  LogicalResult read(const std::string &name, const Json &json);

private:
  LogicalResult fail(const Twine &message) {
    error = (where + " " + message).str();
    return failure();
  }
  LogicalResult choice(const Json &json, StringRef key,
                       ArrayRef<std::string> choices, std::string &out);
  FailureOr<Formula> formula(const Json &json, StringRef key, StringRef per);
  LogicalResult readClasses(const Json &json,
                            std::vector<std::string> &classes);
  /// What the file says of a measurement.
  struct Measure {
    std::string per, reduce, by;
    std::vector<std::string> classes;
    std::vector<Formula> formulas; ///< row, and over where it is there
  };
  LogicalResult add(const Measure &measure, StringRef name, int64_t width);

  ModelOp model;
  StringRef file;
  std::string &error;
  std::string where;
};
} // namespace

LogicalResult MeasureReader::choice(const Json &json, StringRef key,
                                    ArrayRef<std::string> choices,
                                    std::string &out) {
  auto it = json.find(key.str());
  if (it == json.end())
    return fail("lacks \"" + key + "\", expected " + llvm::join(choices, ", "));
  if (!it->is_string())
    return fail("has \"" + key + "\" " + describe(*it) + ", expected " +
                llvm::join(choices, ", "));
  out = it->get<std::string>();
  if (!llvm::is_contained(choices, out))
    return fail("has \"" + key + "\" '" + out + "'" + suggest(out, choices) +
                ", expected " + llvm::join(choices, ", "));
  return success();
}

FailureOr<Formula> MeasureReader::formula(const Json &json, StringRef key,
                                          StringRef per) {
  auto it = json.find(key.str());
  if (it == json.end() || !it->is_string()) {
    (void)fail("lacks \"" + key +
               "\", expected a formula that gives one number a row");
    return failure();
  }
  FailureOr<Formula> row =
      parseFormula(it->get<std::string>(), where + "." + key.str(), error);
  if (failed(row))
    return failure();
  FormulaNames names;
  for (StringRef name : getMeasureInputs(per))
    names.names[name.str()] = FormulaType::Row;
  for (const char *name : {"n", "eps", "L"})
    names.names[name] = FormulaType::Number;
  FailureOr<FormulaType> type = checkFormula(*row, names, error);
  if (failed(type))
    return failure();
  bool readsRow = llvm::any_of(names.names, [&](const auto &name) {
    return name.second == FormulaType::Row && usesName(*row->root, name.first);
  });
  if (*type != FormulaType::Number || !readsRow) {
    error = row->message(1, "gives no number of a row; reduce it by sum, mean "
                            "or max of what stands there");
    return failure();
  }
  return row;
}

LogicalResult MeasureReader::readClasses(const Json &json,
                                         std::vector<std::string> &classes) {
  auto it = json.find("classes");
  if (it == json.end())
    return success();
  const std::vector<std::string> known = {"qk",   "v",     "o",    "ffn",
                                          "gain", "scale", "gate", "bias"};
  if (it->is_array())
    for (const Json &one : *it) {
      if (!one.is_string() ||
          !llvm::is_contained(known, one.get<std::string>()))
        return fail("has the class " + describe(one) + ", expected some of " +
                    llvm::join(known, ", "));
      classes.push_back(one.get<std::string>());
    }
  if (classes.empty())
    return fail("has \"classes\" " + describe(*it) + ", expected a list of " +
                llvm::join(known, ", "));
  return success();
}

/// Rows of parameters have these widths.
static SmallVector<int64_t> parameterWidths(ModelOp model) {
  int64_t heads = model.getInt("num_attention_heads");
  int64_t dim = model.getHeadDim();
  llvm::SmallSetVector<int64_t, 6> widths;
  for (int64_t width :
       {model.getInt("hidden_size"), model.getInt("intermediate_size"),
        dim * model.getInt("num_key_value_heads"), dim, heads, int64_t(1)})
    widths.insert(width);
  return widths.takeVector();
}

LogicalResult MeasureReader::add(const Measure &measure, StringRef name,
                                 int64_t width) {
  OpBuilder builder(model.getContext());
  Location loc = NameLoc::get(builder.getStringAttr(where));
  Wiring wiring(builder.getContext(), loc, width);
  FormulaScope scope;
  scope.constants = {
      {"n", static_cast<double>(width)},
      {"eps", model.getDouble("rms_norm_eps")},
      {"L", static_cast<double>(model.getInt("num_hidden_layers"))}};
  scope.immediate = [&](double value) { return wiring.immediate(value); };
  scope.lookup = [&](StringRef input) { return wiring.input(input); };
  SmallVector<Value> values;
  for (const Formula &formula : measure.formulas) {
    FailureOr<Value> value =
        lowerFormula(formula, wiring.rows, builder.getF32Type(), scope, error);
    if (failed(value))
      return failure();
    values.push_back(*value);
  }
  wiring.yield(values);
  SmallVector<StringRef> inputs, classes;
  for (const Wiring::Input &input : wiring.getInputs())
    inputs.push_back(input.name);
  for (const std::string &one : measure.classes)
    classes.push_back(one);
  builder.setInsertionPointToStart(&model.getBody().front());
  auto op = MeasureOp::create(
      builder, loc, builder.getStringAttr(name),
      builder.getStrArrayAttr(inputs), builder.getStringAttr(measure.per),
      builder.getStringAttr(measure.reduce),
      measure.by.empty() ? StringAttr() : builder.getStringAttr(measure.by),
      classes.empty() ? ArrayAttr() : builder.getStrArrayAttr(classes));
  op.getBody().push_back(wiring.takeBlock().release());
  return success();
}

/// Keys of layers.jsonl and layers.json that are no measurements of this kind.
static constexpr StringLiteral kRecordKeys[] = {"step",
                                                "norm",
                                                "weights",
                                                "loss",
                                                "rows",
                                                "rows_id",
                                                "positions",
                                                "samples",
                                                "layer",
                                                "index",
                                                "gradient_norm",
                                                "stream_rms",
                                                "angular_distance",
                                                "angular_distance_error",
                                                "performance_drop",
                                                "performance_drop_tokens"};

LogicalResult MeasureReader::read(const std::string &name, const Json &json) {
  where = (file + ": " + name).str();
  if (name.empty() ||
      !llvm::all_of(name, [](char c) { return llvm::isAlnum(c) || c == '_'; }))
    return fail("is no name of letters, digits and '_'");
  if (llvm::is_contained(kRecordKeys, name))
    return fail("is the name of a key beside the measurements, expected "
                "another one");
  for (MeasureOp other : model.getBody().getOps<MeasureOp>())
    if (getMeasureName(other) == name)
      return fail("is the name of a measurement already, expected another one");
  if (!json.is_object())
    return fail("is " + describe(json) +
                ", expected an object with per, row and reduce");
  Measure measure;
  if (failed(choice(json, "per",
                    {"layer", "sub_layer", "attention", "parameter"},
                    measure.per)))
    return failure();
  bool isOfParameters = measure.per == "parameter";
  std::vector<std::string> keys = {"per", "row", "over", "reduce"};
  if (isOfParameters)
    keys.insert(keys.end(), {"by", "classes"});
  for (const auto &[key, value] : json.items())
    if (!llvm::is_contained(keys, key))
      return fail("has the unknown key \"" + key + "\"" + suggest(key, keys) +
                  ", expected per, row and reduce");
  std::vector<std::string> reductions;
  for (StringRef one : getMeasureReductions())
    reductions.push_back(one.str());
  if (failed(choice(json, "reduce", reductions, measure.reduce)) ||
      (isOfParameters &&
       (failed(
            choice(json, "by", {"layer", "class", "parameter"}, measure.by)) ||
        failed(readClasses(json, measure.classes)))))
    return failure();
  for (StringRef key : {"row", "over"}) {
    if (key == "over" && !json.contains("over"))
      continue;
    FailureOr<Formula> parsed = formula(json, key, measure.per);
    if (failed(parsed))
      return failure();
    measure.formulas.push_back(std::move(*parsed));
  }
  SmallVector<int64_t> widths = {model.getInt("hidden_size")};
  if (measure.per == "attention")
    widths = {model.getInt("num_attention_heads")};
  if (isOfParameters)
    widths = parameterWidths(model);
  for (int64_t width : widths) {
    std::string instance = name;
    if (isOfParameters)
      instance += "." + std::to_string(width);
    if (model.lookupSymbol(instance))
      return fail("is the name of something else in the model already");
    if (failed(add(measure, instance, width)))
      return failure();
  }
  return success();
}

FailureOr<std::string> mixln::readMeasures(StringRef path, std::string &error) {
  return readTextFile(path, error);
}

LogicalResult mixln::addMeasures(ModelOp model, StringRef text, StringRef file,
                                 std::string &error) {
  FailureOr<Json> json = parseJson(text, file, error);
  if (failed(json))
    return failure();
  MeasureReader reader(model, file, error);
  for (const auto &[name, measure] : json->items())
    if (failed(reader.read(name, measure)))
      return failure();
  return success();
}
