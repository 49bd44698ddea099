//===- EntriesTest.cpp - Variables, entries and dispatches ----------------===//

#include "TestModule.h"

#include <cmath>

using namespace mixln;
using llvm::SmallVector;

namespace {

TEST(Entries, LoadsAndStoresKeepTheirOrder) {
  TestModule test(R"(
    mixln.variable @a : tensor<2xf32> input
    mixln.variable @b : tensor<2xf32> output
    mixln.variable @c : tensor<2xf32> output
    mixln.entry @swap {
      %a = mixln.load @a : tensor<2xf32>
      %b = mixln.load @b : tensor<2xf32>
      mixln.store %a, @b : tensor<2xf32>
      mixln.store %b, @a : tensor<2xf32>
    })");
  Interpreter interpreter(*test.module);
  ASSERT_TRUE(succeeded(interpreter.setVariable("a", Array{{2}, {1, 2}})));
  ASSERT_TRUE(succeeded(interpreter.setVariable("b", Array{{2}, {3, 4}})));
  ASSERT_TRUE(succeeded(interpreter.run("swap")));
  EXPECT_EQ(interpreter.getVariable("a").data, (std::vector<double>{3, 4}));
  EXPECT_EQ(interpreter.getVariable("b").data, (std::vector<double>{1, 2}));
  // What nothing has written shows.
  EXPECT_TRUE(std::isnan(interpreter.getVariable("c").data[0]));

  EXPECT_TRUE(failed(interpreter.run("nothing")));
  EXPECT_TRUE(failed(interpreter.setVariable("a", Array{{3}, {1, 2, 3}})));
  EXPECT_NE(test.errors.find("has shape [2] but is given one of shape [3]"),
            std::string::npos)
      << test.errors;
}

TEST(Entries, SlicesConcatenationsAndReshapes) {
  TestModule test(R"(
    mixln.variable @a : tensor<3x4xf32> input
    mixln.variable @b : tensor<3x4xf32> output
    mixln.variable @c : tensor<3x2x2xf32> output
    mixln.entry @e {
      %a = mixln.load @a : tensor<3x4xf32>
      %0 = tensor.extract_slice %a[1, 0] [2, 4] [1, 1]
        : tensor<3x4xf32> to tensor<2x4xf32>
      %1 = tensor.extract_slice %a[0, 0] [1, 4] [1, 1]
        : tensor<3x4xf32> to tensor<1x4xf32>
      %b = tensor.concat dim(0) %0, %1
        : (tensor<2x4xf32>, tensor<1x4xf32>) -> tensor<3x4xf32>
      %c = tensor.expand_shape %b [[0], [1, 2]] output_shape [3, 2, 2]
        : tensor<3x4xf32> into tensor<3x2x2xf32>
      mixln.store %b, @b : tensor<3x4xf32>
      mixln.store %c, @c : tensor<3x2x2xf32>
    })");
  Interpreter interpreter(*test.module);
  ASSERT_TRUE(succeeded(interpreter.setVariable(
      "a", Array{{3, 4}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}})));
  ASSERT_TRUE(succeeded(interpreter.run("e"))) << test.errors;
  std::vector<double> expected{4, 5, 6, 7, 8, 9, 10, 11, 0, 1, 2, 3};
  EXPECT_EQ(interpreter.getVariable("b").data, expected);
  EXPECT_EQ(interpreter.getVariable("c").data, expected);
}

/// y = x + x on rows of two, then y = y + x, with `body` as the plan.
std::string plan(const std::string &body) {
  return R"(
    mixln.variable @x : tensor<4x2xf32> input {offset = 0 : i64}
    mixln.variable @y : tensor<4x2xf32> output {offset = 64 : i64}
    mixln.kernel @add {
    ^bb0(%a: tensor<1x2xf32>, %b: tensor<1x2xf32>):
      %0 = mixln.rowwise [1] rows(%a, %b : tensor<1x2xf32>, tensor<1x2xf32>)
          values(1.0) -> rows(tensor<1x2xf32>) {
      ^bb0(%r: vector<2xf32>, %s: vector<2xf32>, %c: f32):
        %1 = vector.broadcast %c : f32 to vector<2xf32>
        %2 = arith.mulf %s, %1 : vector<2xf32>
        %3 = arith.addf %r, %2 : vector<2xf32>
        mixln.yield rows(%3 : vector<2xf32>)
      }
    }
    mixln.entry @e {)" +
         body + "}";
}

TEST(Plan, DispatchesRunOnTheArena) {
  TestModule test(plan(R"(
    mixln.dispatch @add domain [4] values [2.0] reads [0, 0]
      : [tensor<4x2xf32>, tensor<4x2xf32>] writes [128] : [tensor<4x2xf32>]
    mixln.dispatch @add domain [4] values [1.0] reads [128, 0]
      : [tensor<4x2xf32>, tensor<4x2xf32>] writes [128] : [tensor<4x2xf32>]
    mixln.dispatch @add domain [2] values [0.0] reads [144, 0]
      : [tensor<2x2xf32>, tensor<2x2xf32>] writes [64] : [tensor<2x2xf32>]
  )"));
  Interpreter interpreter(*test.module);
  ASSERT_TRUE(succeeded(
      interpreter.setVariable("x", Array{{4, 2}, {0, 1, 2, 3, 4, 5, 6, 7}})));
  ASSERT_TRUE(succeeded(interpreter.run("e"))) << test.errors;
  const Array &y = interpreter.getVariable("y");
  EXPECT_EQ((std::vector<double>(y.data.begin(), y.data.begin() + 4)),
            (std::vector<double>{16, 20, 24, 28}));
  EXPECT_TRUE(std::isnan(y.data[4]));
}

struct BadPlan {
  const char *body;
  const char *error;
};

class BadPlanTest : public testing::TestWithParam<BadPlan> {};

TEST_P(BadPlanTest, IsAnError) {
  TestModule test(plan(GetParam().body));
  Interpreter interpreter(*test.module);
  ASSERT_TRUE(succeeded(interpreter.setVariable("x", Array::full({4, 2}, 1))));
  EXPECT_TRUE(failed(interpreter.run("e")));
  EXPECT_NE(test.errors.find(GetParam().error), std::string::npos)
      << test.errors;
}

INSTANTIATE_TEST_SUITE_P(
    , BadPlanTest,
    testing::Values(
        BadPlan{R"(mixln.dispatch @add domain [4] values [1.0] reads [0, 128]
          : [tensor<4x2xf32>, tensor<4x2xf32>] writes [64] : [tensor<4x2xf32>]
          )",
                "read 1 of @add finds byte 128 that nothing has written"},
        BadPlan{R"(mixln.dispatch @add domain [4] values [1.0] reads [0, 0]
          : [tensor<4x2xf32>, tensor<4x2xf32>] writes [16] : [tensor<4x2xf32>]
          )",
                "write 0 overlaps a part of read 0: bytes [16, 48) and "
                "[0, 32)"},
        BadPlan{R"(mixln.dispatch @add domain [3] values [1.0] reads [0, 0]
          : [tensor<4x2xf32>, tensor<4x2xf32>] writes [64] : [tensor<4x2xf32>]
          )",
                "write 0 has shape [4, 2] but the kernel yields [3, 2]"},
        BadPlan{R"(mixln.dispatch @add domain [5] values [1.0] reads [0, 0]
          : [tensor<4x2xf32>, tensor<4x2xf32>] writes [64] : [tensor<5x2xf32>]
          )",
                "row operand 0 is read at index 4 of a dimension of 4"},
        BadPlan{R"(mixln.dispatch @add domain [4] values [1.0] reads [0, 2]
          : [tensor<4x2xf32>, tensor<4x2xf32>] writes [64] : [tensor<4x2xf32>]
          )",
                "offset 2 is not a multiple of 4"},
        BadPlan{R"(mixln.dispatch @add domain [4] values [1.0] reads [0, 0]
          : [tensor<4x2xf32>, tensor<4x2xf32>] writes [4000000000000]
          : [tensor<4x2xf32>])",
                "reaches beyond the 17179869184 bytes"},
        // A bf16 is no part of an f32.
        BadPlan{R"(mixln.dispatch @widen domain [4] values [] reads [0]
          : [tensor<4x2xbf16>] writes [64] : [tensor<4x2xf32>]
          } mixln.kernel @widen {
          ^bb0(%a: tensor<1x2xbf16>):
            %0 = mixln.rowwise [1] rows(%a : tensor<1x2xbf16>)
                -> rows(tensor<1x2xf32>) {
            ^bb0(%r: vector<2xf32>):
              mixln.yield rows(%r : vector<2xf32>)
            }
          )",
                "read 0 of @widen finds byte 0 that nothing has written"},
        BadPlan{R"(mixln.dispatch @add domain [4] values [1.0] reads [0, 0]
          : [tensor<4x2xf32>, tensor<4x2xf32>] writes [64] : [tensor<4x2xf32>]
          {workspace = array<i64: 80, 64>})",
                "workspace [80, 144) overlaps bytes [64, 96)"},
        // Half of what was written under another value has gone.
        BadPlan{R"(mixln.dispatch @add domain [4] values [1.0] reads [0, 0]
          : [tensor<4x2xf32>, tensor<4x2xf32>] writes [128] : [tensor<4x2xf32>]
          mixln.dispatch @add domain [4] values [1.0] reads [0, 0]
          : [tensor<4x2xf32>, tensor<4x2xf32>] writes [64] : [tensor<4x2xf32>]
          {workspace = array<i64: 144, 64>}
          mixln.dispatch @add domain [4] values [1.0] reads [0, 128]
          : [tensor<4x2xf32>, tensor<4x2xf32>] writes [64] : [tensor<4x2xf32>]
          )",
                "read 1 of @add finds byte 144 that nothing has written"}));

TEST(Plan, ValuesOfAnEntryDoNotOutliveIt) {
  TestModule test(plan(R"(
    mixln.dispatch @add domain [4] values [1.0] reads [0, 0]
      : [tensor<4x2xf32>, tensor<4x2xf32>] writes [128] : [tensor<4x2xf32>]
    } mixln.entry @later {
    mixln.dispatch @add domain [4] values [1.0] reads [0, 128]
      : [tensor<4x2xf32>, tensor<4x2xf32>] writes [64] : [tensor<4x2xf32>]
  )"));
  Interpreter interpreter(*test.module);
  ASSERT_TRUE(succeeded(interpreter.setVariable("x", Array::full({4, 2}, 1))));
  EXPECT_TRUE(succeeded(interpreter.run("e")));
  EXPECT_TRUE(failed(interpreter.run("later")));
}

} // namespace
