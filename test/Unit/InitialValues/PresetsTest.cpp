//===- PresetsTest.cpp - What the runtime draws for every preset ----------===//
//
// Each preset is imported and expanded; the runtime fills its parameters; the
// values are held against the rules as papers have them, written down here
// once more. (Integration/initial-values.test sees the same in checkpoints of a
// few presets.)
//
//===----------------------------------------------------------------------===//

#include "mixln/Frontend/Presets.h"
#include "Models.h"
#include "train/Model.h"

#include <cmath>

using namespace mlir;
using namespace mixln;
using namespace mixln::test;

namespace {

constexpr int64_t kLayers = 4, kPost = 2;
constexpr double kBase = 0.03, kEmbedding = 0.5;

/// Whose meaning is no static placement.
bool isRefused(StringRef preset) { return preset.starts_with("mono"); }

bool takesK(StringRef preset) {
  return llvm::is_contained(
      {"post_pre", "pre_post", "pre_sandwich", "scale_post_pre"}, preset);
}

/// The layer of a parameter, from 0; -1 outside the layers.
int64_t layerOf(StringRef name) {
  int64_t layer = -1;
  if (name.consume_front("model.layers."))
    name.consumeInteger(10, layer);
  return layer;
}

double deviationOf(StringRef preset, const rt::Tensor &tensor) {
  StringRef name = tensor.name;
  if (name.contains("embed_tokens"))
    return kEmbedding;
  if (name.contains("lm_head"))
    return kBase;
  double xavier =
      std::sqrt(2.0 / static_cast<double>(tensor.shape[0] + tensor.shape[1]));
  bool isQueryOrKey = name.contains("q_proj") || name.contains("k_proj");
  bool isLast = name.contains("o_proj") || name.contains("down_proj");
  double L = kLayers;
  if (preset == "deepnorm")
    return isQueryOrKey ? xavier : xavier * std::pow(8 * L, -0.25);
  if (preset == "sub_ln")
    return isQueryOrKey ? xavier : xavier * std::sqrt(std::log(2 * L));
  bool isScaled = preset == "scale_pre" ||
                  (preset == "scale_post_pre" && layerOf(name) >= kPost);
  return isLast && isScaled ? kBase / std::sqrt(2 * L) : kBase;
}

double constantOf(StringRef preset, StringRef name) {
  StringRef last = name.rsplit('.').second;
  if (name.contains("norm") && !name.ends_with("_scale")) {
    if (last == "bias" || last == "shift" || last == "beta")
      return 0;
    if (last == "alpha")
      return preset == "seednorm" ? 1 : 0.5;
    bool isScaled = preset == "lns_gain" && layerOf(name) >= 0;
    return isScaled ? 1 / std::sqrt(layerOf(name) + 1.0) : 1;
  }
  if (last.ends_with("_gate"))
    return 0;
  if (last.ends_with("head_scale") || last.ends_with("_skip_scale"))
    return 1;
  EXPECT_TRUE(last.ends_with("_residual_scale")) << name.str();
  return llvm::StringSwitch<double>(preset)
      .Case("scale_res_pre_norm", 1e-3)
      .Case("rezero", 0)
      .Case("skipinit", 1 / std::sqrt(double(kLayers)))
      .Case("layerscale", 1e-4)
      .Case("ngpt", 0.05)
      .Default(NAN);
}

/// The parameters of a preset as a program without entries.
rt::Program programOf(MLIRContext &context, StringRef preset) {
  ModelConfig model = config(
      R"({"hidden_size": 64, "intermediate_size": 160, "vocab_size": 128,
          "initializer_range": 0.03, "embedding_std": 0.5})");
  NormRequest request;
  request.norm = preset.str();
  if (takesK(preset))
    request.postNum = kPost;
  OwningOpRef<ModuleOp> module = import(context, model, request);
  rt::Program program;
  if (!module || !expand(*module)) {
    ADD_FAILURE() << "cannot expand " << preset.str();
    return program;
  }
  for (auto variable : module->getOps<VariableOp>()) {
    if (variable.getRole() != Role::Parameter)
      continue;
    rt::Tensor tensor;
    tensor.name = variable.getSymName().str();
    tensor.shape = cast<RankedTensorType>(variable.getType()).getShape().vec();
    tensor.parameterClass = variable.getParameterClass().value_or("").str();
    tensor.offset = program.arenaBytes;
    InitAttr init = variable.getInitAttr();
    if (!init) {
      ADD_FAILURE() << preset.str() << ": " << tensor.name
                    << " has no initial value";
      continue;
    }
    tensor.init = {init.getKind() == InitKind::Normal ? rt::InitKind::Normal
                                                      : rt::InitKind::Constant,
                   init.getValue()};
    program.arenaBytes += (rt::byteCount(tensor) + 63) / 64 * 64;
    program.tensors.push_back(tensor);
  }
  return program;
}

/// Of all tensors of a class that start by one rule.
struct Moments {
  double count = 0, sum = 0, squares = 0;
  void add(const std::vector<float> &values) {
    for (float value : values) {
      sum += value;
      squares += double(value) * value;
    }
    count += static_cast<double>(values.size());
  }
};

TEST(InitialValues, EveryClassOfEveryPresetStartsByItsRule) {
  MLIRContext context;
  int presets = 0, classes = 0;
  for (const Preset &preset : getPresets()) {
    StringRef name = preset.name;
    if (isRefused(name))
      continue;
    ++presets;
    rt::Program program = programOf(context, name);
    rt::Model model(program, nullptr, 0, 1);
    model.initialise(7);
    std::map<std::pair<std::string, double>, Moments> groups;
    for (const rt::Tensor &tensor : program.tensors) {
      std::vector<float> values = model.read(tensor.name);
      if (tensor.shape.size() == 2) {
        groups[{tensor.parameterClass, deviationOf(name, tensor)}].add(values);
        continue;
      }
      auto expected = static_cast<float>(constantOf(name, tensor.name));
      for (float value : values)
        ASSERT_EQ(value, expected) << name.str() << ": " << tensor.name;
    }
    for (auto &[group, moments] : groups) {
      double mean = moments.sum / moments.count;
      double deviation = std::sqrt(moments.squares / moments.count);
      // Five standard errors of a sample of this size.
      double limit = 5 / std::sqrt(moments.count);
      EXPECT_TRUE(std::abs(mean) <= limit * group.second)
          << name.str() << ", class " << group.first << ": mean " << mean;
      EXPECT_TRUE(std::abs(deviation / group.second - 1) <=
                  limit / std::sqrt(2.0))
          << name.str() << ", class " << group.first << ": deviation "
          << deviation << ", expected " << group.second;
      ++classes;
    }
  }
  EXPECT_EQ(presets, 36);
  EXPECT_GE(classes, 36 * 6);
}

} // namespace
