//===- NormFileParser.h - JSON to NormSpec ----------------------*- C++ -*-===//

#ifndef MIXLN_LIB_FRONTEND_NORMFILEPARSER_H
#define MIXLN_LIB_FRONTEND_NORMFILEPARSER_H

#include "mixln/Frontend/Json.h"
#include "mixln/Frontend/NormSpec.h"

#include "llvm/ADT/Twine.h"

namespace mixln {

/// Walks the JSON with the place it is at ("layers[1].attention"), so that
/// every error points there. Formulas are parsed and checked against the names
/// of their place as they are met. Methods that return failure have set the
/// error.
class NormFileParser {
public:
  NormFileParser(llvm::StringRef file, NormSpec &spec, std::string &error)
      : file(file), spec(spec), error(error) {}

  llvm::LogicalResult parse(const Json &json, llvm::StringRef normKind);
  llvm::LogicalResult parseKinds(const Json &json, bool builtin);

private:
  llvm::LogicalResult fail(llvm::StringRef where, const llvm::Twine &message) {
    error = (file + ": " + where + (where.empty() ? "" : " ") + message).str();
    return llvm::failure();
  }
  llvm::LogicalResult wrong(llvm::StringRef where, const Json &found,
                            const llvm::Twine &expected) {
    return fail(where, "is " + llvm::Twine(describe(found)) + ", expected " +
                           expected);
  }
  /// Every key of `object` must be one of `known`.
  llvm::LogicalResult checkKeys(const Json &object, llvm::StringRef where,
                                llvm::ArrayRef<llvm::StringRef> known);
  llvm::LogicalResult checkNewName(llvm::StringRef name, llvm::StringRef where,
                                   llvm::StringRef what);
  llvm::LogicalResult checkModuleName(llvm::StringRef name,
                                      llvm::StringRef where);

  llvm::LogicalResult formula(const Json &value, llvm::StringRef where,
                              const FormulaNames &names, bool rowAllowed,
                              Formula &out);
  llvm::LogicalResult number(const Json &value, llvm::StringRef where,
                             Formula &out) {
    return formula(value, where, layerConstants(), false, out);
  }
  llvm::LogicalResult flag(const Json &value, llvm::StringRef where, bool &out);
  llvm::LogicalResult param(const Json &value, llvm::StringRef where,
                            llvm::StringRef name, const FormulaNames &constants,
                            bool inKind, ParamSpec &out);
  llvm::LogicalResult kindName(const Json &value, llvm::StringRef where,
                               std::string &out);
  llvm::LogicalResult normUse(const Json &value, llvm::StringRef where,
                              std::optional<NormUse> &out);
  llvm::LogicalResult factor(const Json &value, llvm::StringRef where,
                             bool isSkip, FactorSpec &out);
  llvm::LogicalResult inner(const Json &value, llvm::StringRef where,
                            bool isAttention, SubLayerSpec &out);
  llvm::LogicalResult weightInit(const Json &value, llvm::StringRef where,
                                 bool isAttention, SubLayerSpec &out);
  llvm::LogicalResult source(const Json &value, llvm::StringRef where,
                             std::string &sum, Formula *general);
  llvm::LogicalResult combine(const Json &value, llvm::StringRef where,
                              SubLayerSpec &out);
  llvm::LogicalResult subLayer(const Json &value, llvm::StringRef where,
                               bool isAttention, SubLayerSpec &out);
  llvm::LogicalResult layer(const Json &value, llvm::StringRef where,
                            LayerRule &out);
  llvm::LogicalResult streams(const Json &json);
  llvm::LogicalResult params(const Json &json);
  llvm::LogicalResult ends(const Json &json);
  llvm::LogicalResult stock(const Json &json);
  llvm::LogicalResult flags(const Json &json);
  llvm::LogicalResult lines(const Json &json, llvm::StringRef key,
                            std::vector<std::string> &out);
  llvm::LogicalResult checkKindCycles();
  llvm::LogicalResult checkKindSizes();

  FormulaNames layerConstants(bool withLayer = true) {
    FormulaNames names;
    for (llvm::StringRef name : {"n", "eps", "L", "K"})
      names.names[name.str()] = FormulaType::Number;
    if (withLayer)
      for (llvm::StringRef name : {"i", "s"})
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

  llvm::StringRef file;
  NormSpec &spec;
  std::string &error;
};

/// Whether `name` is made of letters, digits and '_'.
bool isIdentifier(llvm::StringRef name);

} // namespace mixln

#endif // MIXLN_LIB_FRONTEND_NORMFILEPARSER_H
