//===- OptimizersTest.cpp - Clipping, Adam, norms of gradients ------------===//

#include "GradientCheck.h"

#include <cmath>

using namespace mixln;

namespace {

const char *kModule = R"(
  mixln.variable @model.layers.0.w : tensor<3x4xf32> parameter
      {parameter_class = "ffn"}
  mixln.variable @model.layers.1.gain : tensor<4xf32> parameter
      {parameter_class = "gain", decay = false, lr_mult = 2.5e-01}
  mixln.variable @model.layers.1.scale : tensor<1xf32> parameter
      {parameter_class = "scale"}
  mixln.variable @head : tensor<3x4xf32> parameter {parameter_class = "ffn"}
  mixln.variable @loss_sum : tensor<1xf32> output
  mixln.entry @loss {
    %w = mixln.load @model.layers.0.w : tensor<3x4xf32>
    %h = mixln.load @head : tensor<3x4xf32>
    %g = mixln.load @model.layers.1.gain : tensor<4xf32>
    %s = mixln.load @model.layers.1.scale : tensor<1xf32>
    %l = mixln.rowwise [3] rows(%w, %h : tensor<3x4xf32>, tensor<3x4xf32>)
        shared(%g, %s : tensor<4xf32>, tensor<1xf32>) -> sums(tensor<1xf32>) {
    ^bb0(%a: vector<4xf32>, %d: vector<4xf32>, %b: vector<4xf32>, %c: f32):
      %0 = arith.mulf %a, %b : vector<4xf32>
      %1 = arith.mulf %0, %d : vector<4xf32>
      %2 = vector.reduction <add>, %1 : vector<4xf32> into f32
      %3 = arith.mulf %2, %c : f32
      mixln.yield sums(%3 : f32)
    }
    mixln.store %l, @loss_sum : tensor<1xf32>
  })";

struct Options {
  double clip = 0, decay = 0, decoupled = 0;
};

/// One step of torch.optim.Adam (AdamW with `decoupled`) after
/// clip_grad_norm_, written out.
void expectSteps(const Options &options) {
  GradientCheck check(kModule);
  ASSERT_TRUE(check.isReady()) << check.errors;
  check.randomize(11);
  auto scalar = [&](llvm::StringRef name, double value) {
    check.set(name, Array::full({1}, value));
  };
  const double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  scalar("beta1", beta1), scalar("beta2", beta2), scalar("eps", eps);
  scalar("max_grad_norm", options.clip);
  std::map<std::string, double> lr = {
      {"ffn", 0.1}, {"gain", 0.2}, {"scale", 0.3}};
  for (auto &[key, value] : lr) {
    scalar("lr." + key, value);
    scalar("decay." + key, options.decay);
    scalar("decoupled_decay." + key, options.decoupled);
  }
  struct Reference {
    Array p, m, v;
    const char *key;
    double lrMult, decays;
  };
  std::map<std::string, Reference> references = {
      {"model.layers.0.w", {{}, {}, {}, "ffn", 1, 1}},
      {"model.layers.1.gain", {{}, {}, {}, "gain", 0.25, 0}},
      {"model.layers.1.scale", {{}, {}, {}, "scale", 1, 1}},
      {"head", {{}, {}, {}, "ffn", 1, 1}}};
  for (auto &[name, r] : references) {
    r.p = check.get(name);
    r.m = r.v = Array::full(r.p.shape, 0.0);
    check.set("adam_m." + name, r.m);
    check.set("adam_v." + name, r.v);
  }

  for (int step = 1; step <= 3; ++step) {
    double correction1 = 1 - std::pow(beta1, step);
    double correction2 = 1 - std::pow(beta2, step);
    scalar("bias_correction1", correction1);
    scalar("bias_correction2", correction2);
    check.run("gradient");
    check.run("update");
    double squares = 0;
    for (auto &[name, r] : references)
      for (double g : check.get("grad." + name).data)
        squares += g * g;
    double norm = std::sqrt(squares);
    EXPECT_NEAR(check.get("grad_norm").data[0], norm, 1e-12 * norm);
    double coefficient =
        options.clip > 0 ? std::min(1.0, options.clip / (norm + 1e-6)) : 1.0;
    for (auto &[name, r] : references) {
      const Array &grad = check.get("grad." + name);
      for (size_t i = 0; i < grad.data.size(); ++i) {
        double &p = r.p.data[i], &m = r.m.data[i], &v = r.v.data[i];
        double g = coefficient * grad.data[i] + r.decays * options.decay * p;
        m = beta1 * m + (1 - beta1) * g;
        v = beta2 * v + (1 - beta2) * g * g;
        double rate = lr[r.key] * r.lrMult;
        p -= rate * (r.decays * options.decoupled * p +
                     m / correction1 / (std::sqrt(v / correction2) + eps));
      }
      EXPECT_TRUE(relativeError(check.get(name), r.p) <= 1e-10) << name;
      EXPECT_TRUE(relativeError(check.get("adam_m." + name), r.m) <= 1e-10);
      EXPECT_TRUE(relativeError(check.get("adam_v." + name), r.v) <= 1e-10);
    }
  }
}

TEST(Optimizers, Adam) { expectSteps({}); }
TEST(Optimizers, AdamWithDecay) { expectSteps({0, 0.1, 0}); }
TEST(Optimizers, AdamW) { expectSteps({0, 0, 0.1}); }
TEST(Optimizers, Clipping) { expectSteps({0.25, 0, 0.1}); }
TEST(Optimizers, ThresholdThatIsNotReached) { expectSteps({1e6, 0, 0}); }

TEST(Optimizers, NormsOfLayers) {
  GradientCheck check(kModule);
  ASSERT_TRUE(check.isReady()) << check.errors;
  check.randomize(12);
  check.run("gradient");
  check.run("gradient_norms");
  auto squares = [&](const char *name) {
    double sum = 0;
    for (double g : check.get(std::string("grad.") + name).data)
      sum += g * g;
    return sum;
  };
  Array expected{{2},
                 {std::sqrt(squares("model.layers.0.w")),
                  std::sqrt(squares("model.layers.1.gain") +
                            squares("model.layers.1.scale"))}};
  EXPECT_TRUE(relativeError(check.get("layer_grad_norm"), expected) <= 1e-12);
}

} // namespace
