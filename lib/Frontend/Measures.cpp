//===- Measures.cpp - Measurements as formulas ----------------------------===//

#include "mixln/Frontend/Measures.h"

#include "mixln/Frontend/Json.h"
#include "mixln/Frontend/FormulaLowering.h"
#include "mixln/Frontend/Wiring.h"

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
  FailureOr<Formula> formula(const Json &json, bool isSubLayer);

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

FailureOr<Formula> MeasureReader::formula(const Json &json, bool isSubLayer) {
  auto it = json.find("row");
  if (it == json.end() || !it->is_string()) {
    (void)fail("lacks \"row\", expected a formula that gives one number a row");
    return failure();
  }
  FailureOr<Formula> row =
      parseFormula(it->get<std::string>(), where + ".row", error);
  if (failed(row))
    return failure();
  FormulaNames names;
  for (const char *name : {"x", "y", "e"})
    names.names[name] = FormulaType::Row;
  if (isSubLayer)
    for (const char *name : {"h", "F"})
      names.names[name] = FormulaType::Row;
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

LogicalResult MeasureReader::read(const std::string &name, const Json &json) {
  where = (file + ": " + name).str();
  if (name.empty() ||
      !llvm::all_of(name, [](char c) { return llvm::isAlnum(c) || c == '_'; }))
    return fail("is no name of letters, digits and '_'");
  if (!json.is_object())
    return fail("is " + describe(json) +
                ", expected an object with per, row and reduce");
  const std::string keys[] = {"per", "row", "reduce"};
  for (const auto &[key, value] : json.items())
    if (!llvm::is_contained(keys, key))
      return fail("has the unknown key \"" + key + "\"" + suggest(key, keys) +
                  ", expected per, row and reduce");
  std::string per, reduce;
  if (failed(choice(json, "per", {"layer", "sub_layer"}, per)) ||
      failed(choice(json, "reduce", {"mean", "rms", "max", "min"}, reduce)))
    return failure();
  FailureOr<Formula> row = formula(json, per == "sub_layer");
  if (failed(row))
    return failure();
  if (model.lookupSymbol(name))
    return fail("is the name of something else in the model already");

  auto width = model.getInt("hidden_size");
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
  FailureOr<Value> value =
      lowerFormula(*row, wiring.rows, builder.getF32Type(), scope, error);
  if (failed(value))
    return failure();
  wiring.yield(*value);
  SmallVector<StringRef> inputs;
  for (const Wiring::Input &input : wiring.getInputs())
    inputs.push_back(input.name);
  builder.setInsertionPointToStart(&model.getBody().front());
  auto op = MeasureOp::create(builder, loc, name,
                              builder.getStrArrayAttr(inputs), per, reduce);
  op.getBody().push_back(wiring.takeBlock().release());
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
