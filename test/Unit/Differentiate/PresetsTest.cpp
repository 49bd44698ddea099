//===- PresetsTest.cpp - Gradients of every preset ------------------------===//
//
// Tiny models of every placement that is built in, expanded and differentiated,
// against central differences along a random direction of each parameter.
//
//===----------------------------------------------------------------------===//

#include "GradientCheck.h"

#include "mixln/Frontend/Import.h"
#include "mixln/Frontend/Presets.h"
#include "mixln/Transforms/Passes.h"

#include "mlir/Pass/PassManager.h"

using namespace mlir;
using namespace mixln;

namespace {

constexpr int64_t kBatch = 2, kLength = 4, kVocabulary = 11;

/// The expanded module of a placement, as text.
std::string expand(llvm::StringRef norm, llvm::StringRef normKind,
                   std::string &error) {
  MLIRContext context;
  context.loadDialect<MixlnDialect, arith::ArithDialect, math::MathDialect,
                      tensor::TensorDialect, vector::VectorDialect>();
  const char *text = R"({"model_type": "llama", "hidden_size": 8,
    "intermediate_size": 12, "num_attention_heads": 2,
    "num_key_value_heads": 2, "num_hidden_layers": 3, "vocab_size": 11,
    "rms_norm_eps": 1e-6, "max_position_embeddings": 4})";
  FailureOr<ModelConfig> config = parseModelConfig(text, "tiny.json", error);
  if (failed(config))
    return "";
  FailureOr<NormSpec> spec = resolveNorm(norm, normKind, *config, error);
  if (failed(spec) && llvm::StringRef(error).contains("K, the number"))
    spec = resolveNorm(norm.str() + ":1", normKind, *config, error);
  if (failed(spec))
    return "";
  auto module = importModel(&context, *config, *spec, kBatch, kLength, error);
  if (failed(module))
    return "";
  PassManager manager(&context);
  manager.addPass(createMixlnExpand());
  if (failed(manager.run(**module))) {
    error = "expand failed";
    return "";
  }
  std::string out;
  llvm::raw_string_ostream stream(out);
  (**module)->print(stream);
  return out;
}

/// A random batch, with the order of its tokens.
void setBatch(GradientCheck &check, unsigned seed) {
  constexpr int64_t rows = kBatch * kLength;
  std::mt19937 random(seed);
  std::uniform_int_distribution<int64_t> token(0, kVocabulary - 1);
  Array ids = Array::full({rows}, 0), targets = ids, order = ids;
  Array starts = Array::full({rows + 1}, rows);
  for (int64_t i = 0; i < rows; ++i) {
    ids.data[i] = token(random);
    targets.data[i] = i % 5 == 4 ? -100 : token(random);
  }
  int64_t next = 0, segment = 0;
  for (int64_t id = 0; id < kVocabulary; ++id) {
    int64_t first = next;
    for (int64_t i = 0; i < rows; ++i)
      if (ids.data[i] == id)
        order.data[next++] = i;
    if (next > first)
      starts.data[segment++] = first;
  }
  check.set("input_ids", ids);
  check.set("targets", targets);
  check.set("token_order", order);
  check.set("segment_starts", starts);
}

void expectModelGradients(llvm::StringRef norm, llvm::StringRef normKind) {
  std::string error;
  std::string text = expand(norm, normKind, error);
  if (error.find("is not supported") != std::string::npos)
    GTEST_SKIP() << error;
  ASSERT_FALSE(text.empty()) << error;
  GradientCheck check(text);
  ASSERT_TRUE(check.isReady()) << check.errors;
  check.randomize(5);
  setBatch(check, 6);
  check.run("gradient");
  for (const std::string &name : check.getParameters()) {
    double error = check.directionalError(name, 17);
    EXPECT_TRUE(error <= 1e-6)
        << "gradient of " << name << " is off by " << error;
  }
}

class Presets : public testing::TestWithParam<std::string> {};

TEST_P(Presets, AgreeWithCentralDifferences) {
  expectModelGradients(GetParam(), "");
}

std::vector<std::string> presetNames() {
  std::vector<std::string> names;
  for (const Preset &preset : getPresets())
    names.push_back(preset.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Norms, Presets, testing::ValuesIn(presetNames()),
                         [](const auto &info) { return info.param; });

class Kinds : public testing::TestWithParam<const char *> {};

TEST_P(Kinds, AgreeWithCentralDifferences) {
  expectModelGradients("pre", GetParam());
}

INSTANTIATE_TEST_SUITE_P(Norms, Kinds,
                         testing::Values("rms", "layernorm", "l2", "dyt",
                                         "derf", "seednorm"));

} // namespace
