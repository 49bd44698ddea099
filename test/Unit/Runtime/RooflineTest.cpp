//===- RooflineTest.cpp - Floors from a plan ------------------------------===//

#include "profile/Roofline.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace mixln::rt;

static Program planOf(const std::string &dtype) {
  Program program;
  program.dtype = dtype;
  program.target = "cuda";
  program.batchSize = 4;
  program.seqLen = 25;
  program.flopsPerToken = 1e9;
  for (const char *name : {"matmul.x", "rows.swiglu", "rows.adam", "other"}) {
    Kernel kernel;
    kernel.name = name;
    program.kernels.push_back(kernel);
  }
  program.kernels[3].library = "matmul";
  auto dispatch = [](int64_t kernel, double flops, double bytes, int64_t layer,
                     const char *site) {
    Dispatch made;
    made.kernel = kernel;
    made.flops = flops;
    made.bytes = bytes;
    made.layer = layer;
    made.site = site;
    return made;
  };
  program.entries = {
      {"gradient",
       {dispatch(0, 790e9, 1, 0, "layers.0.mlp.down_proj"), // 1 ms in bf16
        dispatch(3, 1580e9, 1, -1, "head"),                 // 2 ms
        dispatch(1, 1, 4.3e9, 0, "layers.0.mlp.swiglu")}},  // 1 ms
      {"update", {dispatch(2, 1, 8.6e9, -1, "")}},          // 2 ms
      {"loss", {dispatch(1, 1, 1e12, 0, "layers.0.mlp.swiglu")}}};
  return program;
}

static const GpuCeilings &h200() {
  for (const GpuCeilings &gpu : gpuCeilings())
    if (std::string(gpu.name) == "h200")
      return gpu;
  throw std::runtime_error("no h200");
}

TEST(Roofline, TheLargerOfArithmeticAndMemory) {
  Roofline roofline = makeRoofline(planOf("bf16"), h200());
  EXPECT_NEAR(roofline.seconds, 6e-3, 1e-9);
  EXPECT_EQ(roofline.tokens, 100);
  EXPECT_NEAR(roofline.mfu, 100 * 1e9 / 6e-3 / 989e12, 1e-9);
  ASSERT_EQ(roofline.components.size(), 4u);
  const char *names[] = {"block matmuls", "lm_head matmuls", "swiglu",
                         "optimizer, clipping"};
  double milliseconds[] = {1, 2, 1, 2};
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(roofline.components[i].name, names[i]);
    EXPECT_NEAR(roofline.components[i].seconds * 1e3, milliseconds[i], 1e-6);
  }
  auto json = nlohmann::json::parse(rooflineJson(planOf("bf16"), roofline));
  EXPECT_EQ(json["gpu"], "h200");
  EXPECT_EQ(json["components"][0]["bound"], "compute");
  EXPECT_EQ(json["components"][2]["bound"], "memory");
}

TEST(Roofline, ProductsOfFp32AreNotForTensorCores) {
  Roofline roofline = makeRoofline(planOf("fp32"), h200());
  EXPECT_NEAR(roofline.components[0].seconds, 790e9 / 67e12, 1e-9);
}
