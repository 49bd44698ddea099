//===- ModelConfig.h - A Hugging Face LLaMA config --------------*- C++ -*-===//

#ifndef MIXLN_FRONTEND_MODELCONFIG_H
#define MIXLN_FRONTEND_MODELCONFIG_H

#include "mlir/Support/LLVM.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/LogicalResult.h"

#include <cstdint>
#include <string>
#include <vector>

namespace mixln {

/// The sizes and constants of a model, checked. What the file says about norms
/// is kept as text, for resolveNorm().
struct ModelConfig {
  std::string file; ///< its name in errors
  std::string json; ///< the whole text, for the configs of checkpoints

  int64_t hiddenSize = 0;
  int64_t intermediateSize = 0;
  int64_t numAttentionHeads = 0;
  int64_t numKeyValueHeads = 0;
  int64_t numHiddenLayers = 0;
  int64_t vocabSize = 0;
  int64_t maxPositions = 0; ///< 0: not given
  double rmsNormEps = 1e-6;
  double ropeTheta = 10000;
  double initializerRange = 0.02;
  double embeddingStd = 0.02;
  double attentionScale = 0; ///< of q . k; 0: the usual 1 / sqrt(headDim())
  double logitScale = 1;

  std::string modelType = "llama"; ///< names the placement if normType does not
  std::string normType;            ///< empty: not given
  int64_t postNum = -1;            ///< -1: not given
  std::string normKind;            ///< empty: not given
  std::string normSpec; ///< JSON text of an inline norm file, or empty

  /// Layers that were taken out of a trained model, ascending, counted in the
  /// model that it was trained as: placements keep what they meant there.
  std::vector<int64_t> removedLayers;

  /// What `L` is in formulas.
  int64_t trainedLayers() const {
    return numHiddenLayers + static_cast<int64_t>(removedLayers.size());
  }
  /// What `i` is in formulas for layer `layer` of this model.
  int64_t trainedLayer(int64_t layer) const {
    for (int64_t removed : removedLayers)
      layer += removed <= layer;
    return layer;
  }
  int64_t headDim() const { return hiddenSize / numAttentionHeads; }
  /// Whether q . k and the logits are scaled as stock classes do.
  bool hasUsualScales() const { return attentionScale == 0 && logitScale == 1; }
};

/// Reads and checks a config. On failure `error` is one whole message: file,
/// key, what was found, what was expected.
mlir::FailureOr<ModelConfig> loadModelConfig(llvm::StringRef path,
                                             std::string &error);
mlir::FailureOr<ModelConfig> parseModelConfig(llvm::StringRef text,
                                              llvm::StringRef file,
                                              std::string &error);

/// Sets attention_scale or logit_scale, given as a number or as a formula of
/// `n` (the head dimension or, for the logits, hidden_size), `d` (hidden_size)
/// and `L` (the number of layers).
mlir::LogicalResult setScale(ModelConfig &config, llvm::StringRef key,
                             llvm::StringRef value, std::string &error);

} // namespace mixln

#endif // MIXLN_FRONTEND_MODELCONFIG_H
