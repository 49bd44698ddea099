//===- AttentionTest.cpp - Attention against its definition ---------------===//

#include "TestModule.h"

#include <cmath>

using namespace mixln;
using llvm::SmallVector;

namespace {

constexpr int64_t kBatch = 2, kSeqLen = 5, kRows = kBatch * kSeqLen, kHeads = 4,
                  kKvHeads = 2, kHeadDim = 6;

constexpr const char *kModule = R"(
  mixln.entry @e {
    %q = arith.constant dense<0.0> : tensor<10x24xf32>
    %k = arith.constant dense<0.0> : tensor<10x12xf32>
    %c = arith.constant dense<0.0> : tensor<5x3xf32>
    %ctx, %lse = mixln.attention %q, %k, %k, %c, %c {heads = 4 : i64}
      : tensor<10x24xf32>, tensor<10x12xf32>, tensor<10x12xf32>,
        tensor<5x3xf32>, tensor<5x3xf32>
        -> tensor<10x24xf32>, tensor<10x4xf32>
    %dq, %dk, %dv = mixln.attention_grad %q, %k, %k, %c, %c, %ctx, %lse, %ctx
      {heads = 4 : i64} : tensor<10x24xf32>, tensor<10x12xf32>,
        tensor<10x12xf32>, tensor<5x3xf32>, tensor<5x3xf32>,
        tensor<10x24xf32>, tensor<10x4xf32>, tensor<10x24xf32>
        -> tensor<10x24xf32>, tensor<10x12xf32>, tensor<10x12xf32>
  })";

/// Channel j of head `head` of x at (batch, t), after a rotation by
/// t * 100^(-2j/headDim), written with complex numbers' formula.
double rotated(const Array &x, int64_t width, int64_t b, int64_t t,
               int64_t head, int64_t j) {
  int64_t half = kHeadDim / 2;
  const double *row =
      x.data.data() + (b * kSeqLen + t) * width + head * kHeadDim;
  double angle = t * std::pow(100.0, -2.0 * (j % half) / kHeadDim);
  return j < half ? row[j] * std::cos(angle) - row[j + half] * std::sin(angle)
                  : row[j] * std::cos(angle) + row[j - half] * std::sin(angle);
}

/// ctx of one channel by the softmax over the whole past.
double naiveContext(const Array &q, const Array &k, const Array &v, int64_t b,
                    int64_t t, int64_t head, int64_t channel, double *lse) {
  double sum = 0, weighted = 0;
  int64_t kv = head * kKvHeads / kHeads;
  for (int64_t s = 0; s <= t; ++s) {
    double score = 0;
    for (int64_t j = 0; j < kHeadDim; ++j)
      score += rotated(q, kHeads * kHeadDim, b, t, head, j) *
               rotated(k, kKvHeads * kHeadDim, b, s, kv, j);
    double e = std::exp(score / std::sqrt(double(kHeadDim)));
    sum += e;
    weighted += e * v.data[(b * kSeqLen + s) * kKvHeads * kHeadDim +
                           kv * kHeadDim + channel];
  }
  if (lse)
    *lse = std::log(sum);
  return weighted / sum;
}

struct AttentionTest : testing::Test {
  AttentionTest() : test(kModule), random(5) {
    in = {randomArray(random, {kRows, kHeads * kHeadDim}),
          randomArray(random, {kRows, kKvHeads * kHeadDim}),
          randomArray(random, {kRows, kKvHeads * kHeadDim}),
          Array::undefined({kSeqLen, kHeadDim / 2}),
          Array::undefined({kSeqLen, kHeadDim / 2})};
    for (int64_t t = 0; t < kSeqLen; ++t)
      for (int64_t j = 0; j < kHeadDim / 2; ++j) {
        double angle = t * std::pow(100.0, -2.0 * j / kHeadDim);
        in[3].data[t * kHeadDim / 2 + j] = std::cos(angle);
        in[4].data[t * kHeadDim / 2 + j] = std::sin(angle);
      }
  }

  TestModule test;
  std::mt19937 random;
  SmallVector<Array> in, out;
};

TEST_F(AttentionTest, ForwardIsTheDefinition) {
  ASSERT_TRUE(succeeded(interpretOperation(test.find<AttentionOp>(), in, out)));
  for (int64_t r = 0; r < kRows; ++r)
    for (int64_t head = 0; head < kHeads; ++head)
      for (int64_t c = 0; c < kHeadDim; ++c) {
        double lse;
        EXPECT_NEAR(out[0].data[(r * kHeads + head) * kHeadDim + c],
                    naiveContext(in[0], in[1], in[2], r / kSeqLen, r % kSeqLen,
                                 head, c, &lse),
                    1e-13);
        EXPECT_NEAR(out[1].data[r * kHeads + head], lse, 1e-13);
      }
}

TEST_F(AttentionTest, SampledRowsAreTheRows) {
  SmallVector<Array> sample;
  ASSERT_TRUE(succeeded(interpretOperation(test.find<AttentionOp>(), in, out)));
  ASSERT_TRUE(
      succeeded(interpretRows(test.find<AttentionOp>(), in, {7, 0}, sample)));
  int64_t width = kHeads * kHeadDim;
  for (int64_t j = 0; j < width; ++j) {
    EXPECT_EQ(sample[0].data[j], out[0].data[7 * width + j]);
    EXPECT_EQ(sample[0].data[width + j], out[0].data[j]);
  }
}

TEST_F(AttentionTest, BackwardIsTheDerivative) {
  auto forward = test.find<AttentionOp>();
  Array dctx = randomArray(random, {kRows, kHeads * kHeadDim});
  auto objective = [&](llvm::ArrayRef<Array> operands) {
    SmallVector<Array> results;
    EXPECT_TRUE(succeeded(interpretOperation(forward, operands, results)));
    double sum = 0;
    for (size_t i = 0; i < dctx.data.size(); ++i)
      sum += dctx.data[i] * results[0].data[i];
    return sum;
  };
  ASSERT_TRUE(succeeded(interpretOperation(forward, in, out)));
  SmallVector<Array> gradIn(in), grads;
  gradIn.append({out[0], out[1], dctx});
  ASSERT_TRUE(succeeded(
      interpretOperation(test.find<AttentionGradOp>(), gradIn, grads)));
  for (int operand = 0; operand < 3; ++operand)
    for (size_t i = 0; i < in[operand].data.size(); ++i) {
      SmallVector<Array> plus(in), minus(in);
      plus[operand].data[i] += 1e-5;
      minus[operand].data[i] -= 1e-5;
      EXPECT_NEAR(grads[operand].data[i],
                  (objective(plus) - objective(minus)) / 2e-5, 1e-8)
          << "operand " << operand << " element " << i;
    }
}

} // namespace
