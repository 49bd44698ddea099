//===- RowOpsTest.cpp - Every operation of a row program ------------------===//

#include "TestModule.h"

#include <cmath>

using namespace mixln;
using llvm::SmallVector;

namespace {

/// A body over %a, %b, %c : vector<4xf32> and %n : i32 that yields %y :
/// vector<4xf32>, and what it means for one column.
struct RowOp {
  const char *body;
  double (*meaning)(double a, double b, double c, int column, int n);
};

class RowOpTest : public testing::TestWithParam<RowOp> {};

TEST_P(RowOpTest, IsItsMeaning) {
  TestModule test(std::string(R"(
    mixln.entry @e {
      %x = arith.constant dense<0.0> : tensor<5x4xf32>
      %ids = arith.constant dense<0> : tensor<5xi32>
      %r = mixln.rowwise [5] rows(%x, %x, %x, %ids : tensor<5x4xf32>,
          tensor<5x4xf32>, tensor<5x4xf32>, tensor<5xi32>)
          -> rows(tensor<5x4xf32>) {
      ^bb0(%a: vector<4xf32>, %b: vector<4xf32>, %c: vector<4xf32>, %n: i32):
  )") + GetParam().body +
                  R"(
        mixln.yield rows(%y : vector<4xf32>)
      }
    })");
  std::mt19937 random(3);
  SmallVector<Array> in{
      randomArray(random, {5, 4}), randomArray(random, {5, 4}),
      randomArray(random, {5, 4}), Array{{5}, {-100, 0, 1, 2, 3}}};
  // Equal elements for the comparisons.
  in[1].data[3] = in[0].data[3];
  SmallVector<Array> out;
  ASSERT_TRUE(succeeded(interpretOperation(test.find<RowwiseOp>(), in, out)))
      << test.errors;
  for (int i = 0; i < 20; ++i) {
    double expected =
        GetParam().meaning(in[0].data[i], in[1].data[i], in[2].data[i], i % 4,
                           int(in[3].data[i / 4]));
    EXPECT_TRUE(std::abs(out[0].data[i] - expected) <=
                    1e-13 * std::abs(expected) ||
                (std::isnan(expected) && std::isnan(out[0].data[i])))
        << GetParam().body << "\n"
        << out[0].data[i] << " instead of " << expected;
  }
}

#define UNARY(op, expression)                                                  \
  RowOp {                                                                      \
    "%y = " op " %a : vector<4xf32>",                                          \
        [](double a, double, double, int, int) -> double {                     \
          return expression;                                                   \
        }                                                                      \
  }
#define BINARY(op, expression)                                                 \
  RowOp {                                                                      \
    "%y = " op " %a, %b : vector<4xf32>",                                      \
        [](double a, double b, double, int, int) -> double {                   \
          return expression;                                                   \
        }                                                                      \
  }
#define COMPARE(predicate, expression)                                         \
  RowOp {                                                                      \
    "%m = arith.cmpf " predicate ", %a, %b : vector<4xf32>\n"                  \
    "%y = arith.uitofp %m : vector<4xi1> to vector<4xf32>",                    \
        [](double a, double b, double, int, int) -> double {                   \
          return expression;                                                   \
        }                                                                      \
  }

INSTANTIATE_TEST_SUITE_P(
    Elementwise, RowOpTest,
    testing::Values(
        BINARY("arith.addf", a + b), BINARY("arith.subf", a - b),
        BINARY("arith.mulf", a *b), BINARY("arith.divf", a / b),
        BINARY("arith.maximumf", a > b ? a : b),
        BINARY("arith.minimumf", a < b ? a : b), UNARY("arith.negf", -a),
        UNARY("math.sqrt", std::sqrt(a)), UNARY("math.rsqrt", 1 / std::sqrt(a)),
        UNARY("math.exp", std::exp(a)), UNARY("math.exp2", std::exp2(a)),
        UNARY("math.log", std::log(a)), UNARY("math.tanh", std::tanh(a)),
        UNARY("math.erf", std::erf(a)), UNARY("math.absf", std::abs(a)),
        BINARY("math.powf", std::pow(a, b)),
        BINARY("math.copysign", std::copysign(a, b)),
        UNARY("mixln.stop_gradient", a), COMPARE("oeq", a == b),
        COMPARE("one", a != b), COMPARE("ogt", a > b), COMPARE("oge", a >= b),
        COMPARE("olt", a < b), COMPARE("ole", a <= b), COMPARE("une", a != b),
        COMPARE("ord", true), COMPARE("uno", false),
        RowOp{
            "%y = math.fma %a, %b, %c : vector<4xf32>",
            [](double a, double b, double c, int, int) { return a * b + c; }}));

INSTANTIATE_TEST_SUITE_P(
    MasksAndReductions, RowOpTest,
    testing::Values(
        // The target's column, as in cross-entropy.
        RowOp{R"(%s = vector.step : vector<4xindex>
                 %i = arith.index_cast %n : i32 to index
                 %v = vector.broadcast %i : index to vector<4xindex>
                 %m = arith.cmpi eq, %s, %v : vector<4xindex>
                 %y = arith.select %m, %a, %b : vector<4xi1>, vector<4xf32>)",
              [](double a, double b, double, int column, int n) {
                return column == n ? a : b;
              }},
        // One condition for a whole row.
        RowOp{R"(%z = arith.constant 1 : i32
                 %m = arith.cmpi sge, %n, %z : i32
                 %y = arith.select %m, %a, %b : vector<4xf32>)",
              [](double a, double b, double, int, int n) {
                return n >= 1 ? a : b;
              }},
        RowOp{R"(%m = arith.cmpf ogt, %a, %b : vector<4xf32>
                 %k = arith.cmpf ogt, %a, %c : vector<4xf32>
                 %o = arith.andi %m, %k : vector<4xi1>
                 %y = arith.uitofp %o : vector<4xi1> to vector<4xf32>)",
              [](double a, double b, double c, int, int) -> double {
                return a > b && a > c;
              }},
        RowOp{R"(%m = arith.cmpf ogt, %a, %b : vector<4xf32>
                 %k = arith.cmpf ogt, %a, %c : vector<4xf32>
                 %o = arith.ori %m, %k : vector<4xi1>
                 %y = arith.sitofp %o : vector<4xi1> to vector<4xf32>)",
              [](double a, double b, double c, int, int) -> double {
                return a > b || a > c ? -1 : 0;
              }},
        RowOp{R"(%f = arith.sitofp %n : i32 to f32
                 %y = vector.broadcast %f : f32 to vector<4xf32>)",
              [](double, double, double, int, int n) -> double { return n; }},
        RowOp{R"(%k = arith.constant dense<[1.0, 2.0, 0.5, -3.0]> :
                   vector<4xf32>
                 %y = arith.mulf %a, %k : vector<4xf32>)",
              [](double a, double, double, int column, int) {
                constexpr double k[] = {1, 2, 0.5, -3};
                return a * k[column];
              }},
        RowOp{R"(%z = arith.constant dense<0.0> : vector<4xf32>
                 %s = vector.reduction <add>, %z : vector<4xf32> into f32
                 %p = arith.constant dense<2.0> : vector<4xf32>
                 %t = vector.reduction <mul>, %p, %s : vector<4xf32> into f32
                 %w = vector.reduction <add>, %p, %t : vector<4xf32> into f32
                 %y = vector.broadcast %w : f32 to vector<4xf32>)",
              [](double, double, double, int, int) -> double { return 8; }},
        RowOp{R"(%u = vector.reduction <maximumf>, %a : vector<4xf32> into f32
                 %l = vector.reduction <minimumf>, %a : vector<4xf32> into f32
                 %uu = vector.broadcast %u : f32 to vector<4xf32>
                 %ll = vector.broadcast %l : f32 to vector<4xf32>
                 %p = arith.cmpf ole, %a, %uu : vector<4xf32>
                 %q = arith.cmpf oge, %a, %ll : vector<4xf32>
                 %m = arith.andi %p, %q : vector<4xi1>
                 %y = arith.uitofp %m : vector<4xi1> to vector<4xf32>)",
              [](double, double, double, int, int) -> double { return 1; }},
        RowOp{R"(%h = arith.truncf %a : vector<4xf32> to vector<4xbf16>
                 %y = arith.extf %h : vector<4xbf16> to vector<4xf32>)",
              [](double a, double, double, int, int) { return a; }}));

TEST(RowOps, AnUnknownOperationIsAnError) {
  TestModule test(R"(
    mixln.entry @e {
      %x = arith.constant dense<0.0> : tensor<5x4xf32>
      %r = mixln.rowwise [5] rows(%x : tensor<5x4xf32>)
          -> rows(tensor<5x4xf32>) {
      ^bb0(%a: vector<4xf32>):
        %y = math.cbrt %a : vector<4xf32>
        mixln.yield rows(%y : vector<4xf32>)
      }
    })");
  SmallVector<Array> out;
  EXPECT_TRUE(failed(interpretOperation(test.find<RowwiseOp>(),
                                        {Array::full({5, 4}, 1)}, out)));
  EXPECT_NE(test.errors.find("no operation 'math.cbrt'"), std::string::npos)
      << test.errors;
}

// An input that nobody set must not look like a target that does not count.
TEST(RowOps, AnIntegerThatWasNeverWrittenShows) {
  TestModule test(R"(
    mixln.entry @e {
      %x = arith.constant dense<0> : tensor<2xi32>
      %r = mixln.rowwise [2] rows(%x : tensor<2xi32>) -> rows(tensor<2xf32>) {
      ^bb0(%target: i32):
        %z = arith.constant 0 : i32
        %c = arith.cmpi sge, %target, %z : i32
        %d = arith.andi %c, %c : i1
        %a = arith.constant 1.0 : f32
        %b = arith.constant 0.0 : f32
        %y = arith.select %d, %a, %b : f32
        mixln.yield rows(%y : f32)
      }
    })");
  SmallVector<Array> out;
  ASSERT_TRUE(succeeded(
      interpretOperation(test.find<RowwiseOp>(), {Array{{2}, {3, NAN}}}, out)));
  EXPECT_EQ(out[0].data[0], 1);
  EXPECT_TRUE(std::isnan(out[0].data[1]));
}

TEST(RowOps, NaNPassesThroughMaximaAndReductions) {
  TestModule test(R"(
    mixln.entry @e {
      %x = arith.constant dense<0.0> : tensor<1x2xf32>
      %r = mixln.rowwise [1] rows(%x : tensor<1x2xf32>) -> rows(tensor<1xf32>) {
      ^bb0(%a: vector<2xf32>):
        %y = vector.reduction <maximumf>, %a : vector<2xf32> into f32
        mixln.yield rows(%y : f32)
      }
    })");
  SmallVector<Array> out;
  for (auto row : {std::vector<double>{1, NAN}, std::vector<double>{NAN, 1}}) {
    ASSERT_TRUE(succeeded(
        interpretOperation(test.find<RowwiseOp>(), {Array{{1, 2}, row}}, out)));
    EXPECT_TRUE(std::isnan(out[0].data[0]));
  }
}

} // namespace
