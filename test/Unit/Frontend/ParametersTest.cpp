//===- ParametersTest.cpp - Names, shapes and starts of parameters --------===//

#include "Models.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"

#include <cmath>

using namespace mlir;
using namespace mixln;
using namespace mixln::test;

using Shapes = std::map<std::string, std::vector<int64_t>>;

static std::map<std::string, VariableOp> parametersOf(ModuleOp module) {
  std::map<std::string, VariableOp> result;
  for (VariableOp variable : module.getOps<VariableOp>())
    if (variable.getRole() == Role::Parameter)
      result[variable.getSymName().str()] = variable;
  return result;
}

/// The tensors that the header of a safetensors file lists.
static Shapes readShapes(StringRef path) {
  auto file = llvm::MemoryBuffer::getFile(path);
  EXPECT_TRUE(bool(file)) << path.str();
  if (!file)
    return {};
  StringRef bytes = (*file)->getBuffer();
  uint64_t length = llvm::support::endian::read64le(bytes.data());
  Json header = Json::parse(bytes.substr(8, length).str());
  Shapes shapes;
  for (const auto &[name, value] : header.items())
    if (name != "__metadata__")
      shapes[name] = value["shape"].get<std::vector<int64_t>>();
  return shapes;
}

static std::string goldenFolder() {
  if (const char *shared = std::getenv("MIXLN_SHARED"))
    return std::string(shared) + "/golden";
  return std::string(MIXLN_SOURCE_DIR) + "/../shared/golden";
}

TEST(Parameters, NamesAndShapesOfTheGoldenCases) {
  std::string folder = goldenFolder();
  if (!llvm::sys::fs::is_directory(folder))
    GTEST_SKIP() << "no golden cases at " << folder;
  std::error_code code;
  int cases = 0;
  for (llvm::sys::fs::directory_iterator it(folder, code), end;
       it != end && !code; it.increment(code)) {
    std::string path = it->path();
    if (!llvm::sys::fs::exists(path + "/config.json"))
      continue;
    ++cases;
    std::string error;
    auto config = loadModelConfig(path + "/config.json", error);
    ASSERT_TRUE(succeeded(config)) << error;
    MLIRContext context;
    auto module = import(context, *config);
    ASSERT_TRUE(module) << path;
    ASSERT_TRUE(expand(*module)) << path;
    Shapes found;
    for (auto &[name, variable] : parametersOf(*module)) {
      auto shape = cast<RankedTensorType>(variable.getType()).getShape();
      found[name] = shape.vec();
    }
    EXPECT_EQ(found, readShapes(path + "/model.safetensors")) << path;
  }
  EXPECT_GE(cases, 40);
}

static double initOf(std::map<std::string, VariableOp> &parameters,
                     const std::string &name, InitKind kind) {
  auto it = parameters.find(name);
  EXPECT_NE(it, parameters.end()) << name;
  if (it == parameters.end())
    return NAN;
  EXPECT_EQ(it->second.getInitAttr().getKind(), kind) << name;
  return it->second.getInitAttr().getValue();
}

namespace {
/// What a preset gives the projections of layer 0 and 3 at 4 layers of width
/// 32 with an MLP of 72: standard deviations, written out as numbers.
struct InitCase {
  const char *norm;
  double q, v, o, up, down; ///< layer 0
  double oLast, downLast;   ///< layer 3
};
} // namespace

TEST(Parameters, StandardDeviationsThatPresetsPrescribe) {
  const double s = 0.02;
  // 0.02 / sqrt(8)
  const double scaled = 0.00707106781;
  // sqrt(2/64); it and sqrt(2/104) times 32^(-1/4), times sqrt(ln 8)
  const double x = 0.1767766953;
  const double d = 0.0743254447, df = 0.0583056758;
  const double m = 0.2549167475, mf = 0.1999731492;
  const InitCase cases[] = {
      {"pre", s, s, s, s, s, s, s},
      {"scale_pre", s, s, scaled, s, scaled, scaled, scaled},
      {"scale_post_pre:2", s, s, s, s, s, scaled, scaled},
      {"deepnorm", x, d, d, df, df, d, df},
      {"sub_ln", x, m, m, mf, mf, m, mf},
  };
  for (const InitCase &expected : cases) {
    MLIRContext context;
    NormRequest request;
    request.norm = expected.norm;
    auto module = import(context, config(), request);
    ASSERT_TRUE(module && expand(*module));
    auto parameters = parametersOf(*module);
    auto check = [&](const std::string &name, double value) {
      double found = initOf(parameters, "model.layers." + name + "_proj.weight",
                            InitKind::Normal);
      EXPECT_NEAR(found, value, 1e-6 * value) << expected.norm << " " << name;
    };
    check("0.self_attn.q", expected.q);
    check("0.self_attn.k", expected.q);
    check("0.self_attn.v", expected.v);
    check("0.self_attn.o", expected.o);
    check("0.mlp.gate", expected.up);
    check("0.mlp.up", expected.up);
    check("0.mlp.down", expected.down);
    check("3.self_attn.o", expected.oLast);
    check("3.mlp.down", expected.downLast);
  }
}

TEST(Parameters, EmbeddingAndHead) {
  MLIRContext context;
  auto module = import(
      context,
      config(R"({"embedding_std": 0.632455532, "initializer_range": 0.03})"));
  ASSERT_TRUE(module && expand(*module));
  auto parameters = parametersOf(*module);
  EXPECT_DOUBLE_EQ(
      initOf(parameters, "model.embed_tokens.weight", InitKind::Normal),
      0.632455532);
  EXPECT_DOUBLE_EQ(initOf(parameters, "lm_head.weight", InitKind::Normal),
                   0.03);
}

TEST(Parameters, GainsScalesAndGates) {
  struct Start {
    const char *norm, *name;
    double value;
    const char *parameterClass;
  };
  const Start cases[] = {
      {"lns_gain", "model.layers.3.input_layernorm.weight", 0.5, "gain"},
      {"lns_gain", "model.norm.weight", 1, "gain"},
      {"skipinit", "model.layers.1.mlp_residual_scale", 0.5, "scale"},
      {"rezero", "model.layers.1.self_attn_residual_scale", 0, "scale"},
      {"scale_res_pre_norm", "model.layers.1.mlp_residual_scale", 1e-3,
       "scale"},
      {"admin", "model.layers.1.self_attn_skip_scale", 1, "scale"},
      {"gpas", "model.layers.1.mlp_gate", 0, "gate"},
      {"normformer", "model.layers.1.self_attn.head_scale", 1, "scale"},
      {"dyt", "model.layers.0.input_layernorm.alpha", 0.5, "scale"},
      {"derf", "model.layers.0.input_layernorm.shift", 0, "bias"},
      {"seednorm", "model.norm.beta", 0, "scale"},
      {"seednorm", "model.norm.alpha", 1, "scale"},
  };
  for (const Start &expected : cases) {
    MLIRContext context;
    NormRequest request;
    request.norm = expected.norm;
    auto module = import(context, config(), request);
    ASSERT_TRUE(module && expand(*module));
    auto parameters = parametersOf(*module);
    EXPECT_DOUBLE_EQ(initOf(parameters, expected.name, InitKind::Constant),
                     expected.value)
        << expected.norm;
    EXPECT_EQ(parameters[expected.name].getParameterClass()->str(),
              expected.parameterClass);
  }
}

TEST(Parameters, ThoseOfFormulas) {
  MLIRContext context;
  auto module = importFile(context, config(), R"json({
    "kinds": {"seed": {"params": {"weight": {"row": 1},
                                  "beta": {"row": 0, "decay": false}},
                       "y": "(tanh(sum(x*beta)) + weight) * rms.inner(x)"}},
    "streams": ["x", "d"],
    "init": {"x": "norm(e)"},
    "params": {"gain": {"scalar": "share/L", "lr_mult": 0.1},
               "share": {"row": 0.5, "per": "layer"},
               "all": {"scalar": 2, "per": "model", "class": "gate"}},
    "layers": [{"attention": {"read": "seed(x)",
                              "combine": {"x": "norm(x + gain*F) + l2.two(d)",
                                          "d": "d + share*all*norm(F)"}},
                "mlp": {"in": "norm"}}],
    "readout": "norm.first(x) + norm(d)"})json");
  ASSERT_TRUE(module && expand(*module));
  auto parameters = parametersOf(*module);
  auto shapeOf = [&](const std::string &name) -> std::vector<int64_t> {
    auto it = parameters.find(name);
    if (it == parameters.end())
      return {};
    return cast<RankedTensorType>(it->second.getType()).getShape().vec();
  };
  using Shape = std::vector<int64_t>;
  const std::string layer = "model.layers.2.";
  EXPECT_EQ(shapeOf("model.embed_norm.weight"), Shape{32});
  EXPECT_EQ(shapeOf("model.first.weight"), Shape{32});
  EXPECT_EQ(shapeOf("model.norm.weight"), Shape{32});
  EXPECT_EQ(shapeOf(layer + "input_layernorm.weight"), Shape{32});
  EXPECT_EQ(shapeOf(layer + "input_layernorm.inner.weight"), Shape{32});
  EXPECT_EQ(shapeOf(layer + "post_attention_layernorm.weight"), Shape{32});
  EXPECT_EQ(shapeOf(layer + "post_attention_residual_layernorm.weight"),
            Shape{32});
  EXPECT_EQ(shapeOf(layer + "pre_feedforward_layernorm.weight"), Shape{32});
  EXPECT_EQ(shapeOf(layer + "self_attn_gain"), Shape{1});
  EXPECT_EQ(shapeOf(layer + "mlp_gain"), Shape{}); // no formula uses it
  EXPECT_EQ(shapeOf(layer + "share"), Shape{32});
  EXPECT_EQ(shapeOf("model.all"), Shape{1});

  VariableOp gain = parameters[layer + "self_attn_gain"];
  EXPECT_DOUBLE_EQ(gain.getInitAttr().getValue(), 0.125);
  EXPECT_DOUBLE_EQ(gain.getLrMult()->convertToDouble(), 0.1);
  VariableOp beta = parameters[layer + "input_layernorm.beta"];
  ASSERT_TRUE(beta.getDecay().has_value());
  EXPECT_FALSE(*beta.getDecay());
  EXPECT_EQ(parameters["model.all"].getParameterClass()->str(), "gate");
}

/// The MLP's input norm gives its name up to the attention's output norm also
/// where that is a formula's and has no parameters.
TEST(Parameters, InputNormsBehindANormWithoutParameters) {
  MLIRContext context;
  auto module = importFile(context, config(), R"json({
    "kinds": {"plain": {"y": "x / sqrt(mean(x*x) + eps)"}},
    "layers": [{"attention": {"in": "norm", "combine": {"x": "x + plain(F)"}},
                "mlp": {"in": "norm"}}]})json");
  ASSERT_TRUE(module && expand(*module));
  auto parameters = parametersOf(*module);
  EXPECT_TRUE(
      parameters.contains("model.layers.0.pre_feedforward_layernorm.weight"));
  EXPECT_FALSE(
      parameters.contains("model.layers.0.post_attention_layernorm.weight"));
}
