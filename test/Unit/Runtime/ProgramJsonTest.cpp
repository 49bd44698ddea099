//===- ProgramJsonTest.cpp ------------------------------------------------===//

#include "Toy.h"
#include "mixln-rt/program-json.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>

using namespace mixln::rt;

TEST(ProgramJson, RoundTrip) {
  Program program = toy::makeProgram(2, 4, 8);
  program.flopsPerToken = 0.1 + 0.2;
  program.tensors[0].init.value = 1.0 / 3;
  program.tensors[0].lrMultiplier = 0.1;
  program.tensors[0].decay = false;
  program.entries[1].dispatches[0].values = {
      0.57f, std::numeric_limits<float>::infinity(),
      -std::numeric_limits<float>::infinity(), std::nanf("")};
  program.entries[1].dispatches[0].layer = 3;
  std::string text = serialize(program);
  Program again = parse(text.data(), text.size());
  EXPECT_EQ(serialize(again), text);
  EXPECT_EQ(again.flopsPerToken, 0.1 + 0.2);
  EXPECT_EQ(again.tensors[0].init.value, 1.0 / 3);
  EXPECT_EQ(again.tensors[0].lrMultiplier, 0.1);
  EXPECT_FALSE(again.tensors[0].decay);
  const Dispatch &dispatch = again.entries[1].dispatches[0];
  EXPECT_EQ(dispatch.values[0], 0.57f);
  EXPECT_TRUE(std::isinf(dispatch.values[1]) && dispatch.values[1] > 0);
  EXPECT_TRUE(std::isinf(dispatch.values[2]) && dispatch.values[2] < 0);
  EXPECT_TRUE(std::isnan(dispatch.values[3]));
  EXPECT_EQ(dispatch.layer, 3);
  EXPECT_FALSE(dispatch.operands[0].writes);
  EXPECT_TRUE(dispatch.operands[7].writes);
}

TEST(ProgramJson, KernelsOfGpus) {
  Program program = toy::makeProgram(2, 4, 8);
  program.gpuArch = "sm_90a";
  program.kernels[0].launches = {{128, 0}, {256, 4096}};
  program.kernels[1].library = "matmul";
  program.kernels[1].matmul = {
      false,  true, ElementType::BF16, ElementType::BF16, ElementType::F32,
      "bias", true};
  std::string text = serialize(program);
  Program again = parse(text.data(), text.size());
  EXPECT_EQ(serialize(again), text);
  EXPECT_EQ(again.gpuArch, "sm_90a");
  ASSERT_EQ(again.kernels[0].launches.size(), 2u);
  EXPECT_EQ(again.kernels[0].launches[1].threads, 256);
  EXPECT_EQ(again.kernels[0].launches[1].sharedBytes, 4096);
  EXPECT_EQ(again.kernels[0].library, "");
  EXPECT_EQ(again.kernels[1].library, "matmul");
  EXPECT_TRUE(again.kernels[1].matmul.transposeB);
  EXPECT_EQ(again.kernels[1].matmul.b, ElementType::BF16);
  EXPECT_EQ(again.kernels[1].matmul.d, ElementType::F32);
  EXPECT_EQ(again.kernels[1].matmul.epilogue, "bias");
  EXPECT_TRUE(again.kernels[1].matmul.accumulate);
}

static std::string failure(const std::string &text) {
  try {
    parse(text.data(), text.size());
  } catch (const std::runtime_error &error) {
    return error.what();
  }
  return "";
}

TEST(ProgramJson, Damage) {
  std::string text = serialize(toy::makeProgram(2, 4, 8));
  EXPECT_NE(failure(text.substr(0, text.size() / 2)), "");
  EXPECT_NE(failure("[]"), "");
  EXPECT_NE(failure("{}"), "");
  Program other = toy::makeProgram(2, 4, 8);
  other.version = 99;
  EXPECT_NE(
      failure(serialize(other))
          .find("version 99, expected " + std::to_string(kProgramVersion)),
      std::string::npos);
}
