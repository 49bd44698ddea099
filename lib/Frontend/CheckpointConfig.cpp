//===- CheckpointConfig.cpp - The config that a checkpoint carries --------===//
//
// Which stock class computes a model is found by comparing models: each preset
// that a stock class computes is imported at the same sizes, and its IR must be
// the model's.
//
//===----------------------------------------------------------------------===//

#include "Importer.h"
#include "mixln/Frontend/Json.h"
#include "mixln/Frontend/Presets.h"

using namespace mlir;
using namespace mixln;

static std::string textOf(ModelOp model) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  model->print(stream, OpPrintingFlags().useLocalScope());
  return text;
}

/// The stock class whose preset is the same model, or nothing.
static std::optional<StockClass>
stockClassOf(ModuleOp module, const ModelConfig &config, const NormSpec &spec) {
  auto models = module.getOps<ModelOp>();
  if (models.empty())
    return {};
  ModelOp model = *models.begin();
  std::string text = textOf(model);
  for (const Preset &preset : getPresets()) {
    // Parsing all presets costs more than looking for the word.
    if (!StringRef(preset.text).contains("\"stock\""))
      continue;
    std::string error;
    FailureOr<NormSpec> other =
        parseNormFile(preset.text, preset.name, spec.kind, error);
    if (failed(other) || !other->stock || other->stock->normKind != spec.kind)
      continue;
    OwningOpRef<ModuleOp> imported =
        Importer(module.getContext(), config, *other, error)
            .import(model.getInt("batch_size"), model.getInt("seq_len"));
    if (imported && textOf(*imported->getOps<ModelOp>().begin()) == text)
      return other->stock;
  }
  return {};
}

FailureOr<std::string> mixln::checkpointConfig(ModuleOp model,
                                               const ModelConfig &config,
                                               const NormSpec &spec,
                                               std::string &error) {
  FailureOr<Json> json = parseJson(config.json, config.file, error);
  if (failed(json))
    return failure();
  std::optional<StockClass> stock;
  if (config.hasUsualScales())
    stock = stockClassOf(model, config, spec);
  (*json)["architectures"] =
      Json::array({stock ? stock->architecture : "MixlnForCausalLM"});
  (*json)["model_type"] = stock ? stock->modelType : "mixln";

  // What a library's defaults might fill in differently.
  Json defaults = {{"hidden_act", "silu"},
                   {"num_key_value_heads", config.numKeyValueHeads},
                   {"head_dim", config.headDim()},
                   {"rms_norm_eps", config.rmsNormEps},
                   {"rope_theta", config.ropeTheta},
                   {"initializer_range", config.initializerRange},
                   {"attention_bias", false},
                   {"tie_word_embeddings", false}};
  if (config.maxPositions > 0)
    defaults["max_position_embeddings"] = config.maxPositions;
  for (const auto &[key, value] : defaults.items())
    if (!json->contains(key) || (*json)[key].is_null())
      (*json)[key] = value;

  // Flags may have replaced what the file says.
  json->erase("attention_scale");
  if (config.attentionScale != 0)
    (*json)["attention_scale"] = config.attentionScale;
  json->erase("logit_scale");
  if (config.logitScale != 1)
    (*json)["logit_scale"] = config.logitScale;

  for (const char *key : {"norm_type", "post_num", "norm_kind", "norm_spec"})
    json->erase(key);
  if (!spec.normType.empty()) {
    (*json)["norm_type"] = spec.normType;
  } else {
    FailureOr<Json> file = parseJson(spec.json, spec.file, error);
    if (failed(file))
      return failure();
    (*json)["norm_spec"] = *file;
  }
  if (spec.K)
    (*json)["post_num"] = *spec.K;
  if (spec.kind != "rms")
    (*json)["norm_kind"] = spec.kind;
  return json->dump(2, ' ', false, Json::error_handler_t::replace);
}
