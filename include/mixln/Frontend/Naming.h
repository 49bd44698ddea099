//===- Naming.h - Names of parameters ---------------------------*- C++ -*-===//
//
// Hugging Face's names. LLaMA calls the MLP's input norm
// `post_attention_layernorm`; where the attention has a norm at its own output
// or after its residual, that one takes the name, as in Olmo-2 and Gemma-2.
// A name inside a layer holds "{i}" where the layer's number stands.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_FRONTEND_NAMING_H
#define MIXLN_FRONTEND_NAMING_H

#include "llvm/ADT/StringRef.h"

#include <string>

namespace mixln {

/// What the names in one sub-layer depend on.
struct SubLayerSites {
  bool isMlp = false;
  bool attentionHasOutputNorm = false; ///< at its output or after its residual
  bool hasBranchAndPost = false;       ///< this sub-layer has both
};

inline constexpr llvm::StringLiteral kLayerPrefix = "model.layers.{i}.";

/// The prefix of the parameters of the norm at site `in`, `br` or `post`.
std::string normSiteName(llvm::StringRef site, const SubLayerSites &sites);
/// The prefix of an inner norm: q, k, v, ctx or ffn_mid.
std::string innerSiteName(llvm::StringRef site);
/// `model.layers.{i}.self_attn_NAME` or `model.layers.{i}.mlp_NAME`.
std::string subLayerName(bool isMlp, llvm::StringRef name);
/// `model.layers.{i}.NAME`.
std::string layerName(llvm::StringRef name);
/// NAME of such a name.
llvm::StringRef inLayer(llvm::StringRef name);
/// `name` with the layer's number in the place of "{i}".
std::string atLayer(llvm::StringRef name, int64_t layer);

/// Whether every torch.nn.Module has an attribute of that name, so that none
/// can hold a parameter or a module under it.
bool isModuleAttribute(llvm::StringRef name);

} // namespace mixln

#endif // MIXLN_FRONTEND_NAMING_H
