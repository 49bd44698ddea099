//===- Importer.h - Builds mixln.model --------------------------*- C++ -*-===//

#ifndef MIXLN_LIB_FRONTEND_IMPORTER_H
#define MIXLN_LIB_FRONTEND_IMPORTER_H

#include "mixln/Frontend/FormulaLowering.h"
#include "mixln/Frontend/Import.h"
#include "mixln/Frontend/Naming.h"
#include "mixln/Frontend/Wiring.h"

namespace mixln {

/// Builds one model. Methods that return failure or null have set `error`.
class Importer {
public:
  Importer(mlir::MLIRContext *context, const ModelConfig &config,
           const NormSpec &spec, std::string &error)
      : config(config), spec(spec), error(error), builder(context) {}

  mlir::OwningOpRef<mlir::ModuleOp> import(int64_t batchSize, int64_t seqLen);

private:
  /// A layer's sub-layer while it is imported.
  struct Place {
    const SubLayerSpec &spec;
    int64_t layer;
    SubLayerSites sites;
    Constants constants; ///< of its formulas, i and s included
    /// The norm `in` says its name.
    bool namesInput = false;
  };

  // Import.cpp
  mlir::DictionaryAttr configAttr(int64_t batchSize, int64_t seqLen);
  mlir::LogicalResult importLayer(int64_t layer);
  PlacementAttr importPlace(const Place &place);
  NormSiteAttr normSite(const NormUse &use, const Place &place, int64_t width);
  mlir::Attribute factor(const FactorSpec &factor, mlir::StringRef defaultName,
                         const Place &place);
  mlir::LogicalResult weightInits(const Place &place,
                                  mlir::NamedAttrList &keys);
  mlir::LogicalResult inner(const Place &place, mlir::NamedAttrList &keys);
  mlir::FailureOr<double> number(const Formula &formula, const Place &place);

  // ImportFormulas.cpp
  mlir::LogicalResult importFormulas(const Place &place,
                                     mlir::NamedAttrList &keys);
  mlir::LogicalResult importEnds();
  mlir::FailureOr<mlir::SmallVector<mlir::Value>>
  lowerStreams(mlir::ArrayRef<std::pair<std::string, Formula>> formulas,
               Wiring &wiring, const FormulaScope &scope,
               mlir::function_ref<mlir::Value(mlir::StringRef)> unnamed);
  FormulaScope scopeOf(Wiring &wiring, const Place *place,
                       mlir::StringRef region);
  mlir::Value lookup(mlir::StringRef name, Wiring &wiring, const Place *place);
  mlir::FailureOr<double> paramInit(const ParamSpec &param, Constants &known);
  /// Adds a placement with the wirings as regions, or finds one that is equal;
  /// returns its name.
  std::string addPlacement(mlir::StringRef name, Wiring *read, Wiring *combine);

  /// The model's kind where `name` is "norm".
  mlir::StringRef kindName(mlir::StringRef name) const {
    return name == "norm" ? mlir::StringRef(spec.kind) : name;
  }
  /// The kind at a width, made on first use.
  NormKindOp kindAt(mlir::StringRef name, int64_t width);
  mlir::Location locationOf(const std::string &where) {
    return mlir::NameLoc::get(builder.getStringAttr(where));
  }

  /// Operations that all formulas together become: a small file can ask for
  /// many.
  static constexpr int64_t kMaxOperations = 1 << 19;
  std::string tooManyOperations() const {
    return spec.file + ": the formulas become more than " +
           std::to_string(kMaxOperations) + " operations in " +
           std::to_string(config.numHiddenLayers) + " layers";
  }

  const ModelConfig &config;
  const NormSpec &spec;
  std::string &error;
  mlir::OpBuilder builder;
  ModelOp model;
  Constants constants; ///< eps, L and, where given, K
  std::map<std::string, NormKindOp> kinds;
  /// Text of each placement to its name.
  std::map<std::string, std::string> placements;
  /// Kind of each norm site of the sub-layer at hand, by parameter prefix.
  std::map<std::string, std::string> siteKinds;
  int64_t operations = 0;
};

/// The sites of unnamed norms in a sub-layer's formulas and attributes.
bool hasBranchNorm(const SubLayerSpec &place);
bool hasPostNorm(const SubLayerSpec &place);

} // namespace mixln

#endif // MIXLN_LIB_FRONTEND_IMPORTER_H
