//===- ImportTest.cpp - Models that are the same, or are not --------------===//

#include "Models.h"

#include "mixln/Frontend/Presets.h"
#include "mixln/Transforms/Expand/Explain.h"

using namespace mlir;
using namespace mixln;
using namespace mixln::test;

static std::string expandedPreset(const std::string &norm,
                                  const ModelConfig &model) {
  MLIRContext context;
  NormRequest request;
  request.norm = norm;
  auto module = import(context, model, request);
  return module && expand(*module) ? entries(*module) : "failed";
}

static std::string expandedPreset(const std::string &norm) {
  return expandedPreset(norm, config());
}

static std::string expandedFile(const char *text) {
  MLIRContext context;
  auto module = importFile(context, config(), text);
  return module && expand(*module) ? entries(*module) : "failed";
}

TEST(Import, EveryPresetWithEveryKind) {
  for (const Preset &preset : getPresets()) {
    // Routers cannot be built.
    if (StringRef(preset.text).contains("\"refused\""))
      continue;
    for (const char *kind :
         {"rms", "layernorm", "l2", "dyt", "derf", "seednorm"}) {
      MLIRContext context;
      NormRequest request;
      request.norm = preset.name;
      request.normKind = kind;
      request.postNum = 2;
      auto module =
          import(context, config(R"({"num_key_value_heads": 1})"), request);
      ASSERT_TRUE(module) << preset.name << " " << kind;
      EXPECT_TRUE(expand(*module)) << preset.name << " " << kind;
    }
  }
}

TEST(Import, AttributesAndFormulasAreTheSamePrograms) {
  EXPECT_EQ(expandedPreset("pre"), expandedFile(R"json({"layers": [{
      "attention": {"read": "norm(x)", "combine": "x + F"},
      "mlp": {"read": "norm(x)", "combine": {"x": "x + F"}}}]})json"));
  EXPECT_EQ(expandedPreset("post"), expandedFile(R"json({"layers": [{
      "attention": {"combine": "norm(x + F)"}, "mlp": "same"}],
      "readout": "norm(x)"})json"));
  EXPECT_EQ(expandedPreset("peri"), expandedFile(R"json({
      "init": {"x": "norm(e)"}, "layers": [{
      "attention": {"read": "norm(x)", "combine": "x + norm(F)"},
      "mlp": "same"}]})json"));
  EXPECT_EQ(expandedPreset("b2t"), expandedFile(R"json({"layers": [{
      "attention": {"combine": "norm(x + F)"},
      "mlp": {"combine": "norm(x + block + F)"}}]})json"));
}

TEST(Import, RequestsForTheSameModel) {
  EXPECT_EQ(expandedPreset("post_pre:1"), expandedPreset("post_pre:25%"));
  EXPECT_EQ(expandedPreset("post_pre:1"), expandedPreset("1xpost,3xpre"));
  EXPECT_EQ(expandedPreset("post_pre:0"), expandedPreset("pre"));
  EXPECT_EQ(expandedPreset("", config(R"({"norm_type": "post_pre",
                                          "post_num": 3})")),
            expandedPreset("post_pre:3"));
}

TEST(Import, UnitsOfTwoPresets) {
  std::string text = expandedPreset("2xpost/pre,2xlns");
  EXPECT_NE(text, expandedPreset("2xpost,2xlns"));
  EXPECT_EQ(text, expandedFile(R"json({"layers": [
      {"when": "i < 2", "attention": {"post": "norm"}, "mlp": {"in": "norm"}},
      {"attention": {"in": "norm", "c": "1/sqrt(i + 1)"}, "mlp": "same"}
      ]})json"));
}

TEST(Import, LayersThatDifferInNumbersShareAPlacement) {
  MLIRContext context;
  NormRequest request;
  request.norm = "siamese";
  auto module = import(context, config(), request);
  ASSERT_TRUE(module);
  ModelOp model = *module->getOps<ModelOp>().begin();
  // One for the attention, one for the MLP, and the readout.
  EXPECT_EQ(llvm::range_size(model.getBody().getOps<PlacementOp>()), 3);
}

static Json configOf(const NormRequest &request, const ModelConfig &config) {
  MLIRContext context;
  auto module = import(context, config, request);
  if (!module)
    return {};
  return Json::parse((*module)
                         ->getAttrOfType<StringAttr>("mixln.config_json")
                         .getValue()
                         .str());
}

TEST(CheckpointConfig, StockClassesOnlyForTheirFunction) {
  struct Case {
    const char *norm, *kind, *architecture, *modelType;
  };
  const Case cases[] = {
      {"pre", "", "LlamaForCausalLM", "llama"},
      {"olmo2", "", "Olmo2ForCausalLM", "olmo2"},
      {"qk_norm", "", "Qwen3ForCausalLM", "qwen3"},
      {"pre", "layernorm", "MixlnForCausalLM", "mixln"},
      {"post_pre:2", "", "MixlnForCausalLM", "mixln"},
      {"post_pre:0", "", "LlamaForCausalLM", "llama"},
      {"post", "", "MixlnForCausalLM", "mixln"},
      {"dyt", "", "MixlnForCausalLM", "mixln"},
      {"lns", "", "MixlnForCausalLM", "mixln"},
  };
  for (const Case &expected : cases) {
    NormRequest request;
    request.norm = expected.norm;
    request.normKind = expected.kind;
    Json json = configOf(request, config());
    EXPECT_EQ(json["architectures"], Json::array({expected.architecture}));
    EXPECT_EQ(json["model_type"], Json(expected.modelType)) << expected.norm;
  }
}

TEST(Presets, StandForTheModelTypesOfConfigs) {
  EXPECT_EQ(getStockModelTypes(),
            (std::vector<std::string>{"llama", "mixln", "olmo2", "qwen3"}));
  ASSERT_TRUE(findStockPreset("mixln"));
  EXPECT_STREQ(findStockPreset("mixln")->name, "pre");
  EXPECT_FALSE(findStockPreset("gpt2"));
}

TEST(CheckpointConfig, ScalesThatAreNotTheUsualOnes) {
  NormRequest request;
  request.norm = "pre";
  // A head has 16 channels: a scale of 1/4 is the usual one.
  Json usual = configOf(request, config(R"x({"attention_scale": "n^(-1/2)",
                                            "logit_scale": 1})x"));
  EXPECT_EQ(usual["architectures"], Json::array({"LlamaForCausalLM"}));
  EXPECT_FALSE(usual.contains("attention_scale"));
  Json muP = configOf(request, config(R"({"attention_scale": "1/n",
                                          "logit_scale": "8/d"})"));
  EXPECT_EQ(muP["architectures"], Json::array({"MixlnForCausalLM"}));
  EXPECT_EQ(muP["attention_scale"], Json(1.0 / 16));
  EXPECT_EQ(muP["logit_scale"], Json(0.25));
  Json again = configOf(request, config(muP.dump().c_str()));
  EXPECT_EQ(again["attention_scale"], Json(1.0 / 16));
}

TEST(CheckpointConfig, ReproducesTheModel) {
  for (const char *norm : {"pre", "post_pre:3", "2xpost,2xlns", "olmo2",
                           "siamese", "derf", "deepnorm"}) {
    NormRequest request;
    request.norm = norm;
    ModelConfig first = config(R"({"my_key": [1, 2], "norm_kind": null})");
    Json json = configOf(request, first);
    EXPECT_EQ(json["my_key"], Json::array({1, 2}));
    std::string error;
    auto again = parseModelConfig(json.dump(), "again", error);
    ASSERT_TRUE(succeeded(again)) << error;
    EXPECT_EQ(expandedPreset("", *again), expandedPreset(norm)) << norm;
  }
}

TEST(CheckpointConfig, CarriesANormFile) {
  const char *file = R"json({"kinds": {"lp": {"y": "x / log(2 + sum(abs(x)))"}},
      "layers": [{"when": "i < K", "attention": {"in": "lp"}, "mlp": "same"},
                 {"attention": {"combine": "lp(x + F)"}, "mlp": "same"}]})json";
  std::string error;
  auto spec = parseNormFile(file, "mine.json", "", error);
  ASSERT_TRUE(succeeded(spec)) << error;
  spec->K = 2;
  MLIRContext context;
  auto module = importModel(&context, config(), *spec, 2, 8, error);
  ASSERT_TRUE(succeeded(module)) << error;
  auto json = (**module)->getAttrOfType<StringAttr>("mixln.config_json");
  auto again = parseModelConfig(json.getValue(), "again", error);
  ASSERT_TRUE(succeeded(again)) << error;
  EXPECT_FALSE(again->normSpec.empty());
  ASSERT_TRUE(expand(**module));
  EXPECT_EQ(expandedPreset("", *again), entries(**module));
}

TEST(Explain, ReadsFormulasBack) {
  MLIRContext context;
  NormRequest request;
  request.norm = "post_pre:1";
  auto module = import(context, config(), request);
  ASSERT_TRUE(module);
  std::string text;
  llvm::raw_string_ostream stream(text);
  ASSERT_TRUE(succeeded(explain(*module, stream)));
  for (const char *part :
       {"layer 0\n  attention x' = rms.post_attention_layernorm(x + F)",
        "layers 1-3\n  attention read = rms.input_layernorm(x)",
        "mlp x' = x + F", "model.norm.weight [32] = 1, gain",
        "nearest preset: post_pre:1, the same"})
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
}

TEST(Explain, SaysHowAModelDiffersFromAPreset) {
  MLIRContext context;
  auto module = importFile(context, config(), R"json({"layers": [
      {"when": "i == 3", "attention": {"in": "norm"},
       "mlp": {"in": "norm", "b": {"scalar": 0.5}}},
      {"attention": {"in": "norm"}, "mlp": "same"}]})json");
  ASSERT_TRUE(module);
  std::string text;
  llvm::raw_string_ostream stream(text);
  ASSERT_TRUE(succeeded(explain(*module, stream)));
  for (const char *part : {"mlp x' = x + mlp_residual_scale * F",
                           "mlp_residual_scale [1] = 0.5, scale",
                           "nearest preset: pre\n  layer 3 mlp: b = scalar"})
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
}

TEST(Import, TheGainOfAnInnerNormSeesItsOwnRowLength) {
  MLIRContext context;
  auto module = importFile(context, config(), R"json({"layers": [
      {"attention": {"in": {"kind": "norm", "gain_init": "n"}},
       "mlp": {"in": "norm",
               "inner": {"ffn_mid": {"kind": "norm", "gain_init": "n"}}}}]})json");
  ASSERT_TRUE(module);
  std::string text;
  llvm::raw_string_ostream stream(text);
  ASSERT_TRUE(succeeded(explain(*module, stream)));
  for (const char *part : {"[32] = 32, gain", "[72] = 72, gain"})
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
}

TEST(Import, TheSizesOfTheConfigs) {
  for (const char *size : {"9m", "20m", "35m", "40m", "60m", "71m", "100m",
                           "130m", "250m", "350m", "1b", "3b", "7b"}) {
    std::string error;
    auto config = loadModelConfig(std::string(MIXLN_SOURCE_DIR) +
                                      "/configs/llama_" + size + ".json",
                                  error);
    ASSERT_TRUE(succeeded(config)) << error;
    EXPECT_DOUBLE_EQ(config->embeddingStd, 0.632455532);
    EXPECT_DOUBLE_EQ(config->initializerRange, 0.02);
    MLIRContext context;
    NormRequest request;
    request.norm = "post_pre:25%";
    EXPECT_TRUE(import(context, *config, request)) << size;
  }
}

TEST(Import, TheNormFileOfTheDocumentation) {
  std::string page = *[] {
    std::string error;
    return readTextFile(std::string(MIXLN_SOURCE_DIR) + "/docs/NormFiles.md",
                        error);
  }();
  size_t begin = page.find("    { \"kinds\"");
  size_t end = page.find("\n\n", begin);
  ASSERT_NE(begin, std::string::npos);
  std::string error;
  auto spec = parseNormFile(page.substr(begin, end - begin), "docs", "", error);
  ASSERT_TRUE(succeeded(spec)) << error;
  EXPECT_TRUE(spec->usesK());
  spec->K = 2;
  MLIRContext context;
  auto module = importModel(&context, config(), *spec, 2, 8, error);
  ASSERT_TRUE(succeeded(module)) << error;
  EXPECT_TRUE(expand(**module));
}
