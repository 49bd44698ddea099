//===- NormSpec.h - What a norm file says -----------------------*- C++ -*-===//
//
// The parsed form of a norm file, preset or list of units: norm kinds, streams,
// learned numbers, and rules that give each layer its two sub-layers. Formulas
// are parsed and checked, not yet evaluated: that needs the layer.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_FRONTEND_NORMSPEC_H
#define MIXLN_FRONTEND_NORMSPEC_H

#include "mixln/Frontend/Formula.h"
#include "mixln/Frontend/ModelConfig.h"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace mixln {

/// A learned number ([1]) or row ([n]).
struct ParamSpec {
  enum class Per { SubLayer, Layer, Model };
  std::string name;
  bool isRow = false;
  Formula init;
  std::string parameterClass;
  double lrMult = 1;
  bool decay = true;
  Per per = Per::SubLayer;
};

struct NormKindSpec {
  std::string name;
  std::vector<ParamSpec> params;
  Formula y;
};

/// A norm at a site given by an attribute.
struct NormUse {
  std::string kind;
  std::string name; ///< of its parameters in the layer; empty: by the rule
  Formula gainInit; ///< null: what the kind says
};

/// A factor: a number, a learned number or row, or 1 - b.
struct FactorSpec {
  Formula constant; ///< null: learned or 1
  std::optional<ParamSpec> learned;
  bool isAbs = false;
  bool oneMinusB = false;
  bool given() const { return constant || learned || oneMinusB; }
};

/// Initial standard deviation of a weight class: `gain` times
/// initializer_range, or times Xavier's sqrt(2 / (in + out)).
struct WeightInit {
  bool xavier = false;
  Formula gain;
};

struct SubLayerSpec {
  std::string where;
  std::optional<NormUse> in, br, post, xNorm;
  FactorSpec a, b;
  Formula c;
  std::string gp; ///< "", "sum" or "skip"
  /// What the branch reads and what is added, as a sum of names ("x+block");
  /// `read` is set instead where it is another formula.
  std::string readSum, skipSum;
  Formula read;
  std::map<std::string, NormUse> inner;
  bool innerPerHead = false;
  bool headScale = false;
  std::vector<std::pair<std::string, Formula>> combine;
  std::map<std::string, WeightInit> init;
};

struct LayerRule {
  std::string where;
  Formula when; ///< null: always
  /// Why a layer that this applies to cannot be built; empty: it can.
  std::string refused;
  SubLayerSpec attention, mlp;
};

/// The stock class of the transformers library that computes a preset.
struct StockClass {
  std::string modelType;
  std::string architecture;
  std::string normKind;
};

struct NormSpec {
  std::string file;     ///< its name in errors
  std::string request;  ///< how it was asked for: "post_pre:3"
  std::string normType; ///< a preset's name, units, or empty for a norm file
  std::string json;     ///< text of the norm file, where it is one
  std::string kind = "rms"; ///< the model's norm kind
  std::optional<int64_t> K;
  std::vector<NormKindSpec> kinds; ///< the built-in ones and the file's own
  std::vector<std::string> streams;
  std::vector<std::pair<std::string, Formula>> init;
  std::vector<ParamSpec> params;
  std::vector<LayerRule> layers;
  Formula readout;
  std::optional<StockClass> stock;
  /// Flags of the compiler and of runs that hold unless they are given.
  std::map<std::string, std::string> flags;
  /// What differs from the placement's plain form, and what of the code that is
  /// reproduced does not; for people.
  std::vector<std::string> differences, notReproduced;

  const NormKindSpec *findKind(llvm::StringRef name) const;
  /// Whether a formula of a layer depends on K.
  bool usesK() const;
};

/// Parses the text of a norm file; `file` is its name in errors. `normKind`
/// overrides the model's kind where it is not empty.
mlir::FailureOr<NormSpec> parseNormFile(llvm::StringRef text,
                                        llvm::StringRef file,
                                        llvm::StringRef normKind,
                                        std::string &error);

/// How a placement is asked for. Empty fields are taken from the config.
struct NormRequest {
  /// `PRESET[:K|:P%]`, `FILE[:K]`, or units `3xpost,9xpre/lns`.
  std::string norm;
  std::string normKind;
  int64_t postNum = -1; ///< K, where `norm` does not say it
};

/// Finds and checks the norm spec that `request` and `config` ask for.
mlir::FailureOr<NormSpec> resolveNorm(const NormRequest &request,
                                      const ModelConfig &config,
                                      std::string &error);

/// The same with `--norm` and `--norm_kind` alone.
inline mlir::FailureOr<NormSpec> resolveNorm(llvm::StringRef norm,
                                             llvm::StringRef normKind,
                                             const ModelConfig &config,
                                             std::string &error) {
  return resolveNorm(NormRequest{norm.str(), normKind.str()}, config, error);
}

} // namespace mixln

#endif // MIXLN_FRONTEND_NORMSPEC_H
