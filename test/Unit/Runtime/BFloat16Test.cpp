//===- BFloat16Test.cpp - Variables that are bf16 -------------------------===//

#include "support/BFloat16.h"
#include "TestFiles.h"
#include "Toy.h"
#include "checkpoint/ModelFolder.h"
#include "checkpoint/Safetensors.h"
#include "train/Model.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

using namespace mixln::rt;

namespace {

TEST(BFloat16, RoundsToTheNearestEven) {
  // 1 + 2^-8 lies between 1 and 1 + 2^-7, 1 + 3 * 2^-8 between that and
  // 1 + 2^-6: the even one is taken.
  EXPECT_EQ(fromBFloat16(toBFloat16(1 + 0x1p-8f)), 1.0f);
  EXPECT_EQ(fromBFloat16(toBFloat16(1 + 0x3p-8f)), 1 + 0x1p-6f);
  EXPECT_EQ(fromBFloat16(toBFloat16(1 + 0x1p-8f + 0x1p-20f)), 1 + 0x1p-7f);
  EXPECT_EQ(fromBFloat16(toBFloat16(-3.5f)), -3.5f);
  EXPECT_EQ(fromBFloat16(toBFloat16(0x1p-130f)), 0x1p-130f);
  float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(fromBFloat16(toBFloat16(infinity)), infinity);
  EXPECT_EQ(fromBFloat16(toBFloat16(std::numeric_limits<float>::max())),
            infinity);
  // The last bits of a NaN alone must not make an infinity of it.
  EXPECT_TRUE(std::isnan(
      fromBFloat16(toBFloat16(std::bit_cast<float>(uint32_t(0x7f800001))))));
}

/// The toy with parameters and moments of bf16; its kernels are not run.
Program narrowProgram() {
  Program program = toy::makeProgram(1, 4, 9);
  for (Tensor &tensor : program.tensors)
    if (tensor.role == Role::Parameter || tensor.role == Role::Moment)
      tensor.type = ElementType::BF16;
  return program;
}

std::vector<float> rounded(std::vector<float> values) {
  for (float &value : values)
    value = fromBFloat16(toBFloat16(value));
  return values;
}

TEST(BFloat16, CheckpointsOfEitherTypeAreRead) {
  Program wide = toy::makeProgram(1, 4, 9), narrow = narrowProgram();
  Model wideModel(wide, toy::kernels, toy::kernelCount, 1);
  Model narrowModel(narrow, toy::kernels, toy::kernelCount, 1);
  TestFolder folder;

  // The same initial values, rounded.
  wideModel.initialise(7);
  narrowModel.initialise(7);
  std::vector<float> table = wideModel.read(toy::kTable);
  EXPECT_NE(table, rounded(table));
  EXPECT_EQ(narrowModel.read(toy::kTable), rounded(table));

  writeModelFolder(folder / "wide", wide, wideModel.device(), nullptr, "{}");
  writeModelFolder(folder / "narrow", narrow, narrowModel.device(), nullptr,
                   "{}");
  SafetensorsFile file(folder / "narrow/model.safetensors");
  EXPECT_EQ(file.get(toy::kTable, "BF16", {9, 9}).bytes, 2 * 81);
  SafetensorsFile moments(folder / "narrow/optimizer.safetensors");
  EXPECT_EQ(moments.tensors().begin()->second.dtype, "BF16");
  auto config = nlohmann::json::parse(readText(folder / "narrow/config.json"));
  EXPECT_EQ(config["torch_dtype"], "bfloat16");
  EXPECT_EQ(config["vocab_size"], 9);

  // Each by the other and by itself.
  Model again(narrow, toy::kernels, toy::kernelCount, 1);
  again.load(folder / "wide");
  EXPECT_EQ(again.read(toy::kTable), rounded(table));
  Model same(narrow, toy::kernels, toy::kernelCount, 1);
  same.load(folder / "narrow");
  EXPECT_EQ(same.read(toy::kTable), rounded(table));
  Model widened(wide, toy::kernels, toy::kernelCount, 1);
  widened.load(folder / "narrow");
  EXPECT_EQ(widened.read(toy::kTable), rounded(table));
}

TEST(BFloat16, AnotherTypeOfTheConfigIsCorrected) {
  Program program = toy::makeProgram(1, 4, 9);
  program.configJson = R"({"vocab_size": 9, "torch_dtype": "float16"})";
  Model model(program, toy::kernels, toy::kernelCount, 1);
  model.initialise(1);
  TestFolder folder;
  writeModelFolder(folder / "m", program, model.device(), nullptr, "{}");
  auto config = nlohmann::json::parse(readText(folder / "m/config.json"));
  EXPECT_EQ(config["torch_dtype"], "float32");
}

} // namespace
