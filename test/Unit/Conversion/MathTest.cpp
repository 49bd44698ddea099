//===- MathTest.cpp - Accuracy of the functions of math -------------------===//
//
// The lowering replaces them by polynomials; row programs rely on these errors.
//
//===----------------------------------------------------------------------===//

#include "Targets.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mixln;
using namespace mixln::test;
using namespace mlir;

namespace {

struct Function {
  const char *name;
  Value (*emit)(KernelBuilder &, Value);
  double (*exact)(double);
  double from, to;
  /// Where the function is smaller than this, errors are relative to it.
  double least = 1e-30;
};

template <typename Op> Value emitOp(KernelBuilder &b, Value x) {
  return Op::create(b, x);
}

const Function kFunctions[] = {
    {"exp", emitOp<math::ExpOp>, std::exp, -87, 88},
    {"log", emitOp<math::LogOp>, std::log, 1e-6, 1e6},
    {"log2", emitOp<math::Log2Op>, std::log2, 1e-6, 1e6},
    {"log1p", emitOp<math::Log1pOp>, std::log1p, -0.9, 100},
    {"tanh", emitOp<math::TanhOp>, std::tanh, -12, 12},
    {"tanh small", emitOp<math::TanhOp>, std::tanh, -1e-2, 1e-2},
    {"erf", emitOp<math::ErfOp>, std::erf, -5, 5},
    {"erf small", emitOp<math::ErfOp>, std::erf, -1e-2, 1e-2},
    {"sqrt", emitOp<math::SqrtOp>, std::sqrt, 0, 1e6},
    {"rsqrt", emitOp<math::RsqrtOp>, [](double x) { return 1 / std::sqrt(x); },
     1e-6, 1e6},
    {"cos", emitOp<math::CosOp>, std::cos, -3, 3, 1},
    {"sin", emitOp<math::SinOp>, std::sin, -3, 3, 1},
};

class MathTest : public ForEachTarget {};

TEST_P(MathTest, RelativeErrors) {
  constexpr int64_t kCount = 1 << 16;
  Kernels &kernels = load([](KernelBuilder &b) {
    for (const Function &function : kFunctions)
      b.kernelFunction(function.name, [&](KernelBuilder::Arguments args) {
        Value in = b.loadPtr(args.pointers, 0);
        Value out = b.loadPtr(args.pointers, 1);
        b.loop(b.constant(0), b.constant(kCount), b.lanes(), [&](Value at) {
          Value x = b.loadVector(b.offset(in, at));
          b.storeVector(function.emit(b, x), b.offset(out, at));
        });
      });
  });
  std::mt19937 random(13);
  for (const Function &function : kFunctions) {
    Buffer in(kCount), out(kCount);
    std::uniform_real_distribution<double> values(function.from, function.to);
    for (int64_t i = 0; i < kCount; ++i)
      in[i] = values(random);
    kernels.run(function.name, {in.get(), out.get()}, {}, 1);
    double worst = 0;
    for (int64_t i = 0; i < kCount; ++i) {
      double exact = function.exact(in[i]);
      double error =
          std::abs(out[i] - exact) / std::max(std::abs(exact), function.least);
      if (!(error <= worst))
        worst = error;
    }
    std::printf("  %-10s %.2g\n", function.name, worst);
    EXPECT_LE(worst, 1.5e-6) << function.name;
  }
}

TEST_P(MathTest, ExtremeArguments) {
  struct Case {
    Value (*emit)(KernelBuilder &, Value);
    float x, expected;
  };
  const float inf = INFINITY, nan = NAN;
  const Case cases[] = {
      {emitOp<math::ExpOp>, -inf, 0},   {emitOp<math::ExpOp>, 100, inf},
      {emitOp<math::ExpOp>, -200, 0},   {emitOp<math::ExpOp>, nan, nan},
      {emitOp<math::ExpOp>, 0, 1},      {emitOp<math::LogOp>, 0, -inf},
      {emitOp<math::LogOp>, -1, nan},   {emitOp<math::LogOp>, inf, inf},
      {emitOp<math::LogOp>, nan, nan},  {emitOp<math::TanhOp>, 100, 1},
      {emitOp<math::TanhOp>, -inf, -1}, {emitOp<math::TanhOp>, nan, nan},
      {emitOp<math::ErfOp>, 20, 1},     {emitOp<math::ErfOp>, -inf, -1},
      {emitOp<math::ErfOp>, nan, nan},  {emitOp<math::RsqrtOp>, 0, inf},
      {emitOp<math::SqrtOp>, -1, nan}};
  Kernels &kernels = load([&](KernelBuilder &b) {
    for (size_t i = 0; i < std::size(cases); ++i)
      b.kernelFunction("f" + std::to_string(i), [&](auto args) {
        Value place = b.loadPtr(args.pointers, 0);
        b.storeVector(cases[i].emit(b, b.loadVector(place)), place);
      });
  });
  for (size_t i = 0; i < std::size(cases); ++i) {
    Buffer buffer(16);
    buffer.fill(cases[i].x);
    kernels.run("f" + std::to_string(i), {buffer.get()}, {}, 1);
    if (std::isnan(cases[i].expected))
      EXPECT_TRUE(std::isnan(buffer[0])) << i << ": " << buffer[0];
    else
      EXPECT_EQ(buffer[0], cases[i].expected) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, MathTest, targetNames(), targetTestName);

} // namespace
