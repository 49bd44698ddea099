//===- RowRulesTest.cpp - Every rule of the derivative table --------------===//
//
// A row program of one operation on random rows against central differences.
//
//===----------------------------------------------------------------------===//

#include "GradientCheck.h"

using namespace mixln;

namespace {

struct RowCase {
  const char *name;
  /// Computes %r from the rows %x, %y, the shared row %g and number %s.
  const char *body;
  bool positive = false;
};

std::string moduleOf(const RowCase &c) {
  return std::string(R"(
    mixln.variable @x : tensor<3x5xf32> parameter
    mixln.variable @y : tensor<3x5xf32> parameter
    mixln.variable @g : tensor<5xf32> parameter
    mixln.variable @s : tensor<1xf32> parameter
    mixln.variable @c : tensor<3x5xf32> input
    mixln.variable @loss_sum : tensor<1xf32> output
    mixln.entry @loss {
      %0 = mixln.load @x : tensor<3x5xf32>
      %1 = mixln.load @y : tensor<3x5xf32>
      %2 = mixln.load @c : tensor<3x5xf32>
      %3 = mixln.load @g : tensor<5xf32>
      %4 = mixln.load @s : tensor<1xf32>
      %5 = mixln.rowwise [3] rows(%0, %1, %2 : tensor<3x5xf32>, tensor<3x5xf32>, tensor<3x5xf32>)
          shared(%3, %4 : tensor<5xf32>, tensor<1xf32>) -> sums(tensor<1xf32>) {
      ^bb0(%x: vector<5xf32>, %y: vector<5xf32>, %c: vector<5xf32>,
           %g: vector<5xf32>, %s: f32):
        %zero = arith.constant dense<0.0> : vector<5xf32>
        %one = arith.constant dense<1.0> : vector<5xf32>
        )") +
         c.body + R"(
        %weighted = arith.mulf %r, %c : vector<5xf32>
        %sum = vector.reduction <add>, %weighted : vector<5xf32> into f32
        mixln.yield sums(%sum : f32)
      }
      mixln.store %5, @loss_sum : tensor<1xf32>
    })";
}

class RowRules : public testing::TestWithParam<RowCase> {};

TEST_P(RowRules, AgreesWithCentralDifferences) {
  GradientCheck check(moduleOf(GetParam()));
  ASSERT_TRUE(check.isReady()) << check.errors;
  for (unsigned seed : {1, 2, 3}) {
    check.randomize(seed, GetParam().positive);
    check.expectGradients();
  }
}

#define V ": vector<5xf32>"
const RowCase kCases[] = {
    {"addf", "%r = arith.addf %x, %y " V},
    {"addfTwice", "%r = arith.addf %x, %x " V},
    {"subf", "%r = arith.subf %x, %y " V},
    {"mulf", "%r = arith.mulf %x, %y " V},
    {"mulfShared", "%r = arith.mulf %x, %g " V},
    {"square", "%r = arith.mulf %x, %x " V},
    {"divf", "%r = arith.divf %x, %y " V, true},
    {"divfByNumber",
     "%b = vector.broadcast %s : f32 to vector<5xf32>\n"
     "%r = arith.divf %x, %b " V,
     true},
    {"negf", "%r = arith.negf %x " V},
    {"maximumf", "%r = arith.maximumf %x, %y " V},
    {"minimumf", "%r = arith.minimumf %x, %y " V},
    {"select", "%k = arith.cmpf ogt, %g, %zero " V "\n"
               "%r = arith.select %k, %x, %y : vector<5xi1>, vector<5xf32>"},
    {"selectByNumber", "%z = arith.constant 0.0 : f32\n"
                       "%k = arith.cmpf ogt, %s, %z : f32\n"
                       "%r = arith.select %k, %x, %y : vector<5xf32>"},
    {"sqrt", "%r = math.sqrt %x " V, true},
    {"rsqrt", "%r = math.rsqrt %x " V, true},
    {"exp", "%r = math.exp %x " V},
    {"exp2", "%r = math.exp2 %x " V},
    {"log", "%r = math.log %x " V, true},
    {"tanh", "%r = math.tanh %x " V},
    {"erf", "%r = math.erf %x " V},
    {"absf", "%r = math.absf %x " V},
    {"copysign", "%r = math.copysign %x, %y " V},
    {"powf", "%r = math.powf %x, %y " V, true},
    {"powfSquare", "%e = arith.constant dense<2.0> : vector<5xf32>\n"
                   "%r = math.powf %x, %e " V},
    {"powfCube", "%e = arith.constant dense<3.0> : vector<5xf32>\n"
                 "%r = math.powf %x, %e " V},
    {"fma", "%r = math.fma %x, %y, %g " V},
    {"broadcast", "%r = vector.broadcast %s : f32 to vector<5xf32>"},
    {"sum", "%n = vector.reduction <add>, %x : vector<5xf32> into f32\n"
            "%q = arith.mulf %n, %n : f32\n"
            "%r = vector.broadcast %q : f32 to vector<5xf32>"},
    {"sumWithStart",
     "%n = vector.reduction <add>, %x, %s : vector<5xf32> into f32\n"
     "%q = arith.mulf %n, %n : f32\n"
     "%r = vector.broadcast %q : f32 to vector<5xf32>"},
    {"largest",
     "%n = vector.reduction <maximumf>, %x : vector<5xf32> into f32\n"
     "%r = vector.broadcast %n : f32 to vector<5xf32>"},
    {"smallest",
     "%n = vector.reduction <minimumf>, %x : vector<5xf32> into f32\n"
     "%r = vector.broadcast %n : f32 to vector<5xf32>"},
    {"stopGradient", "%t = mixln.stop_gradient %x " V "\n"
                     "%r = arith.mulf %t, %x " V},
    {"sigmoid", "%n = arith.negf %x " V "\n%e = math.exp %n " V "\n"
                "%d = arith.addf %one, %e " V "\n"
                "%r = arith.divf %one, %d " V},
    {"silu", "%n = arith.negf %x " V "\n%e = math.exp %n " V "\n"
             "%d = arith.addf %e, %one " V "\n"
             "%r = arith.divf %x, %d " V},
    {"sigmoidPartsReused", "%e = math.exp %x " V "\n"
                           "%d = arith.addf %one, %e " V "\n"
                           "%q = arith.divf %y, %d " V "\n"
                           "%u = arith.mulf %q, %e " V "\n"
                           "%r = arith.addf %u, %d " V},
    {"rmsnorm", "%q = arith.mulf %x, %x " V "\n"
                "%n = vector.reduction <add>, %q : vector<5xf32> into f32\n"
                "%i = math.rsqrt %n : f32\n"
                "%b = vector.broadcast %i : f32 to vector<5xf32>\n"
                "%m = arith.mulf %x, %b " V "\n"
                "%r = arith.mulf %m, %g " V},
    {"softmax",
     "%n = vector.reduction <maximumf>, %x : vector<5xf32> into f32\n"
     "%b = vector.broadcast %n : f32 to vector<5xf32>\n"
     "%d = arith.subf %x, %b " V "\n%e = math.exp %d " V "\n"
     "%t = vector.reduction <add>, %e : vector<5xf32> into f32\n"
     "%u = vector.broadcast %t : f32 to vector<5xf32>\n"
     "%r = arith.divf %e, %u " V},
    {"unused", "%r = arith.addf %one, %zero " V},
};
#undef V

INSTANTIATE_TEST_SUITE_P(Table, RowRules, testing::ValuesIn(kCases),
                         [](const auto &info) {
                           return std::string(info.param.name);
                         });

/// What central differences cannot see: values at the kinks.
Array gradientAt(const char *body, std::vector<double> x) {
  RowCase c{"", body, false};
  GradientCheck check(moduleOf(c));
  check.randomize(1);
  x.resize(15, 1.0);
  check.set("x", Array{{3, 5}, x});
  check.set("c", Array::full({3, 5}, 1.0));
  check.set("loss_scale", Array::full({1}, 1.0));
  check.run("gradient");
  return check.get("grad.x");
}

TEST(RowRules, AbsHasNoSlopeAtZero) {
  Array grad = gradientAt("%r = math.absf %x : vector<5xf32>", {0, -2, 3});
  EXPECT_EQ(grad.data[0], 0.0);
  EXPECT_EQ(grad.data[1], -1.0);
  EXPECT_EQ(grad.data[2], 1.0);
}

TEST(RowRules, EqualLargestEntriesShare) {
  Array grad = gradientAt(
      "%n = vector.reduction <maximumf>, %x : vector<5xf32> into f32\n"
      "%r = vector.broadcast %n : f32 to vector<5xf32>",
      {4, -2, 4, 1, 0});
  EXPECT_EQ(grad.data[0], 2.5);
  EXPECT_EQ(grad.data[1], 0.0);
  EXPECT_EQ(grad.data[2], 2.5);
}

/// exp(-x) overflows where the sigmoid is zero: its derivative is zero, too.
TEST(RowRules, SigmoidOfVeryNegativeNumbers) {
  Array grad = gradientAt("%n = arith.negf %x : vector<5xf32>\n"
                          "%e = math.exp %n : vector<5xf32>\n"
                          "%d = arith.addf %one, %e : vector<5xf32>\n"
                          "%r = arith.divf %one, %d : vector<5xf32>",
                          {-1e4, 1e4, 0.0});
  EXPECT_EQ(grad.data[0], 0.0);
  EXPECT_EQ(grad.data[1], 0.0);
  EXPECT_EQ(grad.data[2], 0.25);
}

TEST(RowRules, PowerOfZero) {
  Array grad = gradientAt("%e = arith.constant dense<2.0> : vector<5xf32>\n"
                          "%r = math.powf %x, %e : vector<5xf32>",
                          {0.0, -3.0});
  EXPECT_EQ(grad.data[0], 0.0);
  EXPECT_EQ(grad.data[1], -6.0);
}

} // namespace
