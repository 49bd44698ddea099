//===- AttentionTest.cpp - Attention on both paths, on the emulator -------===//

#include "GpuKernelHarness.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mixln;
using testing::HasSubstr;

namespace {
struct Shape {
  int64_t sequences, seqLen, heads, kvHeads, headDim;
  bool bf16 = true;
};

std::string tensor(int64_t rows, int64_t columns, const char *type) {
  return llvm::formatv("tensor<{0}x{1}x{2}>", rows, columns, type);
}

/// The types of q (ctx, dctx, dq), k and v, the tables, lse.
struct Types {
  explicit Types(const Shape &shape) {
    const char *type = shape.bf16 ? "bf16" : "f32";
    int64_t rows = shape.sequences * shape.seqLen;
    q = tensor(rows, shape.heads * shape.headDim, type);
    k = tensor(rows, shape.kvHeads * shape.headDim, type);
    table = tensor(shape.seqLen, shape.headDim / 2, "f32");
    lse = tensor(rows, shape.heads, "f32");
  }
  std::string q, k, table, lse;
};

std::string forward(const Shape &shape, bool measured) {
  Types t(shape);
  return llvm::formatv(
      R"(mixln.kernel @k {{
^bb0(%q: {0}, %k: {1}, %v: {1}, %c: {2}, %s: {2}):
  %r:{3} = mixln.attention %q, %k, %v, %c, %s {{heads = {4} : i64}
    : {0}, {1}, {1}, {2}, {2} -> {0}, {5}{6}
})",
      t.q, t.k, t.table, measured ? 4 : 2, shape.heads, t.lse,
      measured ? ", " + t.lse + ", " + t.lse : "");
}

std::string backward(const Shape &shape) {
  Types t(shape);
  return llvm::formatv(
      R"(mixln.kernel @k {{
^bb0(%q: {0}, %k: {1}, %v: {1}, %c: {2}, %s: {2}, %o: {0}, %l: {3}, %g: {0}):
  %r:3 = mixln.attention_grad %q, %k, %v, %c, %s, %o, %l, %g
    {{heads = {4} : i64}
    : {0}, {1}, {1}, {2}, {2}, {0}, {3}, {0} -> {0}, {1}, {1}
})",
      t.q, t.k, t.table, t.lse, shape.heads);
}

/// Each rounding of bf16 is off by at most 2^-9 of a number; four follow each
/// other in the backward.
double limitOf(const Shape &shape) { return shape.bf16 ? 0x1p-6 : 1e-5; }

class Attention : public testing::TestWithParam<Shape> {};
} // namespace

TEST_P(Attention, ForwardAndMeasurements) {
  for (bool measured : {false, true}) {
    GpuKernelRun kernel(forward(GetParam(), measured));
    ASSERT_EQ(kernel.run(), "");
    EXPECT_LE(kernel.error(), limitOf(GetParam()));
  }
}

TEST_P(Attention, Backward) {
  GpuKernelRun kernel(backward(GetParam()));
  ASSERT_EQ(kernel.run(), "");
  EXPECT_LE(kernel.error(), limitOf(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, Attention,
    testing::Values(Shape{1, 16, 1, 1, 16},   // a quarter of a tile
                    Shape{2, 77, 2, 1, 32},   // a group, an odd length
                    Shape{1, 130, 1, 1, 64},  // three tiles
                    Shape{1, 100, 2, 1, 128}, // the longest head
                    Shape{1, 70, 1, 1, 80},   // halves of five chunks
                    Shape{1, 40, 2, 2, 52},   // not on tensor cores
                    Shape{2, 40, 2, 1, 32, false}));

TEST(Attention, EveryBarrierIsNeeded) {
  Shape shape{1, 130, 1, 1, 16};
  for (const std::string &text : {forward(shape, false), backward(shape)}) {
    GpuKernelRun kernel(text);
    int barriers = kernel.countBarriers();
    EXPECT_GE(barriers, 3);
    for (int i = 0; i < barriers; ++i) {
      std::string failure = kernel.run(i);
      if (failure.empty() && !(kernel.error() <= limitOf(shape)))
        failure = "wrong numbers";
      EXPECT_NE(failure, "") << "without barrier " << i << " of " << barriers;
    }
  }
}
