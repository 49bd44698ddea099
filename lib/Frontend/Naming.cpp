//===- Naming.cpp - Names of parameters -----------------------------------===//

#include "mixln/Frontend/Naming.h"

#include "llvm/ADT/STLExtras.h"

using namespace llvm;
using namespace mixln;

std::string mixln::layerName(StringRef name) {
  return (kLayerPrefix + name).str();
}

StringRef mixln::inLayer(StringRef name) {
  name.consume_front(kLayerPrefix);
  return name;
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

/// dir(torch.nn.Module()) of PyTorch 2.15 without what begins with '_'.
static constexpr StringLiteral kModuleAttributes[] = {
    "T_destination",
    "add_module",
    "apply",
    "bfloat16",
    "buffers",
    "call_super_init",
    "children",
    "compile",
    "cpu",
    "cuda",
    "double",
    "dump_patches",
    "eval",
    "extra_repr",
    "float",
    "forward",
    "get_buffer",
    "get_extra_state",
    "get_parameter",
    "get_submodule",
    "half",
    "ipu",
    "load_state_dict",
    "modules",
    "mtia",
    "named_buffers",
    "named_children",
    "named_modules",
    "named_parameters",
    "parameters",
    "register_backward_hook",
    "register_buffer",
    "register_forward_hook",
    "register_forward_pre_hook",
    "register_full_backward_hook",
    "register_full_backward_pre_hook",
    "register_load_state_dict_post_hook",
    "register_load_state_dict_pre_hook",
    "register_module",
    "register_parameter",
    "register_state_dict_post_hook",
    "register_state_dict_pre_hook",
    "requires_grad_",
    "set_extra_state",
    "set_submodule",
    "share_memory",
    "state_dict",
    "to",
    "to_empty",
    "train",
    "training",
    "type",
    "xpu",
    "zero_grad"};

bool mixln::isModuleAttribute(StringRef name) {
  // A module keeps its own state under names that begin with '_'.
  return name.starts_with("_") || is_contained(kModuleAttributes, name);
}
