//===- MatmulTest.cpp - Generated products on the emulator ----------------===//

#include "GpuKernelHarness.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mixln;

namespace {
struct Product {
  int64_t m, n, k;
  const char *side, *result;
  bool accumulate = false;
};

std::string product(const Product &p, bool transposeA, bool transposeB) {
  auto tensor = [](int64_t rows, int64_t columns, const char *type) {
    return llvm::formatv("tensor<{0}x{1}x{2}>", rows, columns, type).str();
  };
  std::string a =
      transposeA ? tensor(p.k, p.m, p.side) : tensor(p.m, p.k, p.side);
  std::string c =
      transposeB ? tensor(p.n, p.k, p.side) : tensor(p.k, p.n, p.side);
  std::string d = tensor(p.m, p.n, p.result);
  return llvm::formatv(R"(mixln.kernel @k {{
^bb0(%a: {0}, %c: {1}{2}):
  %d = mixln.matmul lhs(%a : {0}) rhs(%c : {1}){3}{4}{5} -> {6}
})",
                       a, c, p.accumulate ? ", %i: " + d : "",
                       p.accumulate ? " into(%i : " + d + ")" : "",
                       transposeA ? " transpose_lhs" : "",
                       transposeB ? " transpose_rhs" : "", d);
}

/// One rounding of a result to bf16; sums of f32 in another order.
double limitOf(const Product &p) {
  return std::string(p.result) == "bf16" ? 0x1p-8 : 1e-5;
}

class Matmul : public testing::TestWithParam<Product> {};
} // namespace

TEST_P(Matmul, AllTransposes) {
  for (bool transposeA : {false, true})
    for (bool transposeB : {false, true}) {
      GpuKernelRun kernel(product(GetParam(), transposeA, transposeB));
      ASSERT_EQ(kernel.run(), "");
      EXPECT_LE(kernel.error(), limitOf(GetParam()));
    }
}

INSTANTIATE_TEST_SUITE_P(
    Products, Matmul,
    testing::Values(Product{64, 64, 32, "bf16", "bf16"},         // one tile
                    Product{72, 136, 40, "bf16", "f32", true},   // edges
                    Product{13, 101, 131, "bf16", "bf16", true}, // odd rows
                    Product{72, 136, 40, "f32", "f32", true},
                    Product{13, 101, 37, "f32", "f32"}));

/// Tiles of 128: an A100 has 108 multiprocessors.
TEST(Matmul, ManyTilesAreLarge) {
  GpuKernelRun kernel(product({1400, 1272, 40, "bf16", "f32"}, false, true));
  ASSERT_EQ(kernel.run(), "");
  EXPECT_LE(kernel.error(), 1e-5);
}

/// silu(gate) * product + bias, the product kept.
static std::string joined(const Product &p) {
  std::string a = llvm::formatv("tensor<{0}x{1}x{2}>", p.m, p.k, p.side);
  std::string c = llvm::formatv("tensor<{0}x{1}x{2}>", p.k, p.n, p.side);
  std::string d = llvm::formatv("tensor<{0}x{1}x{2}>", p.m, p.n, p.result);
  std::string bias = llvm::formatv("tensor<{0}xf32>", p.n);
  std::string row = llvm::formatv("vector<{0}xf32>", p.n);
  return llvm::formatv(R"(mixln.kernel @k {{
^bb0(%a: {0}, %c: {1}, %g: {2}, %s: {3}):
  %r:2 = mixln.joined (%a, %c, %g, %s) keeps_product
      : ({0}, {1}, {2}, {3}) -> ({2}, {2}) {{
  ^bb0(%a1: {0}, %c1: {1}, %g1: {2}, %s1: {3}):
    %p = mixln.matmul lhs(%a1 : {0}) rhs(%c1 : {1}) -> {2}
    %z = mixln.rowwise [{5}] rows(%p, %g1 : {2}, {2}) shared(%s1 : {3})
        -> rows({2}) {{
    ^bb0(%u: {4}, %v: {4}, %b: {4}):
      %one = arith.constant dense<1.0> : {4}
      %n = arith.negf %v : {4}
      %e = math.exp %n : {4}
      %d = arith.addf %e, %one : {4}
      %q = arith.divf %v, %d : {4}
      %w = arith.mulf %q, %u : {4}
      %y = arith.addf %w, %b : {4}
      mixln.yield rows(%y : {4})
    }
  }
})",
                       a, c, d, bias, row, p.m);
}

TEST(Matmul, RowProgramsWhereAProductIsStored) {
  for (const Product &p : {Product{72, 136, 40, "bf16", "bf16"},
                           Product{13, 101, 37, "f32", "f32"}}) {
    GpuKernelRun kernel(joined(p));
    ASSERT_EQ(kernel.run(), "");
    EXPECT_LE(kernel.error(), limitOf(p));
  }
}

TEST(Matmul, EveryBarrierIsNeeded) {
  for (const char *type : {"bf16", "f32"}) {
    GpuKernelRun kernel(product({64, 64, 96, type, "f32"}, false, false));
    int barriers = kernel.countBarriers();
    EXPECT_GE(barriers, 3);
    for (int i = 0; i < barriers; ++i) {
      std::string failure = kernel.run(i);
      if (failure.empty() && !(kernel.error() <= 1e-5))
        failure = "wrong numbers";
      EXPECT_NE(failure, "") << "without barrier " << i << " of " << barriers;
    }
  }
}
