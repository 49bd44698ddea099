//===- Naming.cpp - Names of parameters -----------------------------------===//

#include "mixln/Frontend/Naming.h"

using namespace llvm;
using namespace mixln;

std::string mixln::layerName(StringRef name) {
  return (kLayerPrefix + name).str();
}

std::string mixln::subLayerName(bool isMlp, StringRef name) {
  return layerName((isMlp ? "mlp_" : "self_attn_") + name.str());
}

std::string mixln::normSiteName(StringRef site, const SubLayerSites &sites) {
  std::string place = sites.isMlp ? "post_feedforward" : "post_attention";
  if (site == "br")
    return layerName(place + "_layernorm");
  if (site == "post")
    return layerName(place + (sites.hasBranchAndPost ? "_residual" : "") +
                     "_layernorm");
  if (!sites.isMlp)
    return layerName("input_layernorm");
  return layerName(sites.attentionHasOutputNorm ? "pre_feedforward_layernorm"
                                                : "post_attention_layernorm");
}

std::string mixln::innerSiteName(StringRef site) {
  if (site == "ctx")
    return layerName("self_attn.o_norm");
  if (site == "ffn_mid")
    return layerName("mlp.down_norm");
  return layerName("self_attn." + site.str() + "_norm");
}

std::string mixln::atLayer(StringRef name, int64_t layer) {
  size_t at = name.find("{i}");
  if (at == StringRef::npos)
    return name.str();
  return (name.take_front(at) + Twine(layer) + name.drop_front(at + 3)).str();
}
