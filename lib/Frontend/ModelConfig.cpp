//===- ModelConfig.cpp - A Hugging Face LLaMA config ----------------------===//

#include "mixln/Frontend/ModelConfig.h"
#include "mixln/Frontend/Formula.h"
#include "mixln/Frontend/Json.h"
#include "mixln/Frontend/Presets.h"
#include "mixln/IR/Mixln.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/Twine.h"

#include <cmath>

using namespace llvm;
using namespace mixln;
using mlir::FailureOr;

namespace {
/// Reads keys of one object; the first error wins.
class ConfigReader {
public:
  ConfigReader(const Json &object, StringRef file, std::string &error)
      : object(object), file(file), error(error) {}

  LogicalResult fail(StringRef key, const Twine &message) {
    error = (file + ": " + key + " " + message).str();
    return failure();
  }

  /// A key that is there and not null.
  const Json *find(StringRef key) {
    auto it = object.find(key.str());
    return it == object.end() || it->is_null() ? nullptr : &*it;
  }

  LogicalResult integer(StringRef key, int64_t &out, int64_t limit,
                        bool required = true, int64_t least = 1) {
    const Json *value = find(key);
    if (!value)
      return required ? fail(key, "is missing, expected a positive integer")
                      : success();
    std::string expected =
        least > 0 ? "a positive integer" : "an integer that is not negative";
    if (!value->is_number_integer())
      return fail(key,
                  "is " + Twine(describe(*value)) + ", expected " + expected);
    // An unsigned number beyond int64_t would wrap.
    if (value->is_number_unsigned() && value->get<uint64_t>() > INT64_MAX)
      return fail(key, "is " + Twine(describe(*value)) + ", expected at most " +
                           Twine(limit));
    out = value->get<int64_t>();
    if (out < least)
      return fail(key, "is " + Twine(out) + ", expected " + expected);
    if (out > limit)
      return fail(key,
                  "is " + Twine(out) + ", expected at most " + Twine(limit));
    return success();
  }

  LogicalResult number(StringRef key, double &out, bool zeroAllowed) {
    const Json *value = find(key);
    if (!value)
      return success();
    StringRef expected =
        zeroAllowed ? "a number that is not negative" : "a positive number";
    if (!value->is_number())
      return fail(key,
                  "is " + Twine(describe(*value)) + ", expected " + expected);
    out = value->get<double>();
    if (!std::isfinite(out) || out < 0 || (out == 0 && !zeroAllowed))
      return fail(key,
                  "is " + Twine(describe(*value)) + ", expected " + expected);
    return success();
  }

  LogicalResult text(StringRef key, std::string &out) {
    const Json *value = find(key);
    if (!value)
      return success();
    if (!value->is_string())
      return fail(key, "is " + Twine(describe(*value)) + ", expected a string");
    out = value->get<std::string>();
    return success();
  }

  /// A key that, where it is there, must be `expected`: anything else would
  /// change the function that the model computes.
  LogicalResult onlyFalse(StringRef key) {
    const Json *value = find(key);
    if (!value || *value == Json(false))
      return success();
    return fail(key,
                "is " + Twine(describe(*value)) + ", only false is supported");
  }

  LogicalResult onlyNumber(StringRef key, double expected) {
    const Json *value = find(key);
    if (!value || (value->is_number() && value->get<double>() == expected))
      return success();
    return fail(key, "is " + Twine(describe(*value)) + ", only " +
                         describe(Json(expected)) + " is supported");
  }

private:
  const Json &object;
  StringRef file;
  std::string &error;
};
} // namespace

static LogicalResult readSizes(ConfigReader &reader, ModelConfig &config) {
  constexpr int64_t maxWidth = 1 << 20, maxVocabulary = 1 << 24;
  if (failed(reader.integer("hidden_size", config.hiddenSize, maxWidth)) ||
      failed(reader.integer("intermediate_size", config.intermediateSize,
                            maxWidth)) ||
      failed(reader.integer("num_attention_heads", config.numAttentionHeads,
                            maxWidth)) ||
      failed(reader.integer("num_hidden_layers", config.numHiddenLayers,
                            kMaxLayers)) ||
      failed(reader.integer("vocab_size", config.vocabSize, maxVocabulary)))
    return failure();
  config.numKeyValueHeads = config.numAttentionHeads;
  if (failed(reader.integer("num_key_value_heads", config.numKeyValueHeads,
                            maxWidth, /*required=*/false)))
    return failure();
  for (StringRef key : {"max_position_embeddings", "max_sequence_length"})
    if (failed(reader.integer(key, config.maxPositions, maxVocabulary,
                              /*required=*/false)))
      return failure();

  int64_t hidden = config.hiddenSize, heads = config.numAttentionHeads;
  if (hidden % heads != 0)
    return reader.fail("hidden_size",
                       Twine(hidden) +
                           " is not a multiple of num_attention_heads " +
                           Twine(heads));
  if (heads % config.numKeyValueHeads != 0)
    return reader.fail("num_attention_heads",
                       Twine(heads) +
                           " is not a multiple of num_key_value_heads " +
                           Twine(config.numKeyValueHeads));
  if (config.headDim() % 2 != 0)
    return reader.fail("hidden_size",
                       Twine(hidden) + " over num_attention_heads " +
                           Twine(heads) + " gives the odd head dimension " +
                           Twine(config.headDim()) +
                           "; rotary embeddings pair its halves");
  int64_t headDim = config.headDim();
  if (failed(reader.integer("head_dim", headDim, maxWidth, false)))
    return failure();
  if (headDim != config.headDim())
    return reader.fail("head_dim", "is " + Twine(headDim) + ", only " +
                                       Twine(config.headDim()) +
                                       " (hidden_size / num_attention_heads) "
                                       "is supported");
  return success();
}

/// Newer configs keep the angle in an object of its own. Where both are there,
/// readers disagree about which one holds.
static LogicalResult readRope(ConfigReader &reader, ModelConfig &config) {
  if (failed(reader.number("rope_theta", config.ropeTheta, false)))
    return failure();
  if (const Json *rope = reader.find("rope_parameters")) {
    if (!rope->is_object())
      return reader.fail("rope_parameters", "is " + Twine(describe(*rope)) +
                                                ", expected an object");
    if (auto type = rope->find("rope_type");
        type != rope->end() && *type != Json("default"))
      return reader.fail("rope_parameters.rope_type",
                         "is " + Twine(describe(*type)) +
                             ", only \"default\" is supported");
    if (auto theta = rope->find("rope_theta"); theta != rope->end()) {
      if (!theta->is_number() || !(theta->get<double>() > 0))
        return reader.fail("rope_parameters.rope_theta",
                           "is " + Twine(describe(*theta)) +
                               ", expected a positive number");
      if (const Json *plain = reader.find("rope_theta");
          plain && *plain != *theta)
        return reader.fail("rope_theta",
                           "is " + Twine(describe(*plain)) +
                               ", rope_parameters.rope_theta is " +
                               Twine(describe(*theta)) + ": give one");
      config.ropeTheta = theta->get<double>();
    }
  }
  return success();
}

static LogicalResult readNumbers(ConfigReader &reader, ModelConfig &config) {
  if (failed(readRope(reader, config)) ||
      failed(reader.number("rms_norm_eps", config.rmsNormEps, true)) ||
      failed(reader.number("initializer_range", config.initializerRange, true)))
    return failure();
  config.embeddingStd = config.initializerRange;
  return reader.number("embedding_std", config.embeddingStd, true);
}

/// Refuses what would change the function without being built.
static LogicalResult checkFunction(ConfigReader &reader, std::string &type) {
  std::string activation = "silu";
  if (failed(reader.text("hidden_act", activation)))
    return failure();
  if (activation != "silu" && activation != "swish")
    return reader.fail("hidden_act", "is \"" + Twine(activation) +
                                         "\", only \"silu\" is supported");
  for (StringRef key : {"tie_word_embeddings", "attention_bias", "mlp_bias",
                        "use_sliding_window"})
    if (failed(reader.onlyFalse(key)))
      return failure();
  for (StringRef key : {"attention_dropout", "hidden_dropout"})
    if (failed(reader.onlyNumber(key, 0)))
      return failure();
  for (StringRef key : {"partial_rotary_factor", "pretraining_tp"})
    if (failed(reader.onlyNumber(key, 1)))
      return failure();
  for (StringRef key : {"rope_scaling", "quantization_config"})
    if (const Json *value = reader.find(key))
      return reader.fail(key, "is " + Twine(describe(*value)) +
                                  ", only null is supported");
  if (failed(reader.text("model_type", type)))
    return failure();
  if (findStockPreset(type))
    return success();
  std::vector<std::string> known = getStockModelTypes();
  std::string last = known.back();
  return reader.fail("model_type", "is \"" + Twine(type) + "\", expected " +
                                       join(ArrayRef(known).drop_back(), ", ") +
                                       " or " + last + suggest(type, known));
}

LogicalResult mixln::setScale(ModelConfig &config, StringRef key,
                              StringRef value, std::string &error) {
  bool isAttention = key == "attention_scale";
  FailureOr<Formula> formula = parseFormula(value, key, error);
  if (failed(formula))
    return failure();
  FormulaNames names;
  for (const char *name : {"n", "d", "L"})
    names.names[name] = FormulaType::Number;
  FailureOr<FormulaType> type = checkFormula(*formula, names, error);
  if (failed(type))
    return failure();
  if (*type != FormulaType::Number) {
    error = formula->message(1, "is a condition, expected a number");
    return failure();
  }
  auto hidden = static_cast<double>(config.hiddenSize);
  FailureOr<double> scale = evaluateFormula(
      *formula,
      {{"n", isAttention ? static_cast<double>(config.headDim()) : hidden},
       {"d", hidden},
       {"L", static_cast<double>(config.trainedLayers())}},
      error);
  if (failed(scale))
    return failure();
  if (!std::isfinite(*scale) || !(*scale > 0)) {
    error =
        (key + " is '" + value + "' = " + std::to_string(*scale) +
         ", expected a positive number or a formula of n, d and L that is one")
            .str();
    return failure();
  }
  if (!isAttention)
    config.logitScale = *scale;
  else if (*scale == 1 / std::sqrt(static_cast<double>(config.headDim())))
    config.attentionScale = 0;
  else
    config.attentionScale = *scale;
  return success();
}

static LogicalResult readRemovedLayers(ConfigReader &reader,
                                       ModelConfig &config) {
  const Json *value = reader.find("removed_layers");
  if (!value)
    return success();
  auto wrong = [&] {
    return reader.fail("removed_layers",
                       "is " + Twine(describe(*value)) +
                           ", expected the ascending numbers of layers of the "
                           "whole model");
  };
  if (!value->is_array() ||
      config.numHiddenLayers + static_cast<int64_t>(value->size()) > kMaxLayers)
    return wrong();
  auto most = config.numHiddenLayers + static_cast<int64_t>(value->size());
  int64_t least = 0;
  for (const Json &item : *value) {
    if (!item.is_number_integer() || item.get<int64_t>() < least ||
        item.get<int64_t>() >= most)
      return wrong();
    config.removedLayers.push_back(item.get<int64_t>());
    least = config.removedLayers.back() + 1;
  }
  return success();
}

static LogicalResult readScales(ConfigReader &reader, ModelConfig &config,
                                std::string &error) {
  for (StringRef key : {"attention_scale", "logit_scale"}) {
    const Json *value = reader.find(key);
    if (!value)
      continue;
    if (!value->is_number() && !value->is_string())
      return reader.fail(key, "is " + Twine(describe(*value)) +
                                  ", expected a number or a formula");
    std::string text =
        value->is_string() ? value->get<std::string>() : value->dump();
    if (failed(setScale(config, key, text, error))) {
      error = config.file + ": " + error;
      return failure();
    }
  }
  return success();
}

FailureOr<ModelConfig> mixln::parseModelConfig(StringRef text, StringRef file,
                                               std::string &error) {
  FailureOr<Json> json = parseJson(text, file, error);
  if (failed(json))
    return failure();
  ModelConfig config;
  config.file = file.str();
  config.json = text.str();
  ConfigReader reader(*json, file, error);
  if (failed(readSizes(reader, config)) ||
      failed(readRemovedLayers(reader, config)) ||
      failed(readNumbers(reader, config)) ||
      failed(readScales(reader, config, error)) ||
      failed(checkFunction(reader, config.modelType)) ||
      failed(reader.text("norm_type", config.normType)) ||
      failed(reader.integer("post_num", config.postNum, kMaxLayers,
                            /*required=*/false, /*least=*/0)) ||
      failed(reader.text("norm_kind", config.normKind)))
    return failure();
  if (config.postNum > config.trainedLayers()) {
    (void)reader.fail("post_num", "is " + Twine(config.postNum) +
                                      ", expected at most "
                                      "num_hidden_layers " +
                                      Twine(config.trainedLayers()));
    return failure();
  }
  if (const Json *spec = reader.find("norm_spec")) {
    if (!spec->is_object()) {
      (void)reader.fail("norm_spec", "is " + Twine(describe(*spec)) +
                                         ", expected a norm file's object");
      return failure();
    }
    config.normSpec =
        spec->dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  return config;
}

FailureOr<ModelConfig> mixln::loadModelConfig(StringRef path,
                                              std::string &error) {
  FailureOr<std::string> text = readTextFile(path, error);
  if (failed(text))
    return failure();
  return parseModelConfig(*text, path, error);
}
