//===- SpecialValuesTest.cpp - NaN, infinities, extreme arguments ---------===//

#include "RowPrograms.h"
#include "Targets.h"

using namespace mlir;
using namespace mixln;
using namespace mixln::test;

namespace {

class SpecialValuesTest : public ForEachTarget {
protected:
  /// Runs a program of one operand [1, n] and returns its first result.
  std::vector<float> run(std::vector<float> x,
                         std::function<Value(RowBuilder &, Value)> body) {
    int64_t width = x.size();
    RowProgramSpec spec;
    spec.domain = {1};
    spec.inputs = {{RowInput::Row, {1, width}, ""}};
    spec.body = [&](RowBuilder &b, ArrayRef<Value> a) {
      return RowYields{{body(b, a[0])}, {}};
    };
    OwningOpRef<ModuleOp> module;
    RowwiseOp op;
    Kernels &kernels = load([&](KernelBuilder &b) {
      module = ModuleOp::create(b.getLoc());
      op = buildRowProgram(*module, spec);
      SmallVector<std::string> phases;
      ASSERT_TRUE(succeeded(emitRowKernel(op, "k", b, phases)));
    });
    std::vector<float> y(width);
    Launch launch = getRowLaunch(op);
    kernels.run("k", {x.data(), y.data()}, launch.sizes, 1,
                launch.scratchBytes);
    return y;
  }
};

TEST_P(SpecialValuesTest, Exp) {
  const float inf = INFINITY;
  std::vector<float> x = {0,    -0.0f, 1,   -1,   88,  -87,  -100, -103,
                          -110, 100,   inf, -inf, NAN, 0.3f, 20,   -20};
  std::vector<float> y =
      run(x, [](RowBuilder &b, Value v) { return b.exp(v); });
  for (size_t i = 0; i < x.size(); ++i) {
    if (std::isnan(x[i])) {
      EXPECT_TRUE(std::isnan(y[i]));
      continue;
    }
    double exact = std::exp(static_cast<double>(x[i]));
    if (exact > 3.5e38)
      EXPECT_EQ(y[i], inf) << x[i];
    else // Below the normal range numbers are 1.4e-45 apart.
      EXPECT_NEAR(y[i], exact, 1.4e-45 + 3e-7 * exact) << x[i];
  }
  EXPECT_EQ(y[0], 1);
}

// A NaN anywhere in a row reaches everything that depends on the row, maxima
// too, at every place of the row.
TEST_P(SpecialValuesTest, NotANumberIsNotLost) {
  for (int64_t width : {3, 16, 70, 200}) {
    for (int64_t at : {int64_t(0), width / 2, width - 1}) {
      std::vector<float> x(width, 0.5f);
      x[at] = NAN;
      for (bool max : {false, true}) {
        std::vector<float> y = run(x, [&](RowBuilder &b, Value v) {
          Value one = b.constant(1, v.getType());
          return b.mul(one, max ? b.maxOf(v) : b.sum(v));
        });
        for (float value : y)
          EXPECT_TRUE(std::isnan(value)) << width << " " << at;
      }
    }
  }
}

TEST_P(SpecialValuesTest, SoftmaxOfHugeAndExcludedLogits) {
  const float inf = INFINITY;
  std::vector<float> y =
      run({1e30f, 1e30f, -inf, -1e30f, 0}, [](RowBuilder &b, Value v) {
        Value e = b.exp(b.sub(v, b.maxOf(v)));
        return b.div(e, b.sum(e));
      });
  EXPECT_EQ(y, (std::vector<float>{0.5f, 0.5f, 0, 0, 0}));
}

INSTANTIATE_TEST_SUITE_P(Targets, SpecialValuesTest, targetNames(),
                         targetTestName);

} // namespace
