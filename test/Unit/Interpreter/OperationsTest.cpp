//===- OperationsTest.cpp - Operations against naive loops ----------------===//

#include "TestModule.h"

#include <cmath>

using namespace mixln;
using llvm::SmallVector;

namespace {

std::mt19937 &random() {
  static std::mt19937 engine(17);
  return engine;
}

/// C[m, n] of two row-major matrices.
double product(const Array &a, bool ta, const Array &b, bool tb, int64_t i,
               int64_t j) {
  int64_t k = a.shape[ta ? 0 : 1];
  double sum = 0;
  for (int64_t l = 0; l < k; ++l)
    sum += a.data[ta ? l * a.shape[1] + i : i * a.shape[1] + l] *
           b.data[tb ? j * b.shape[1] + l : l * b.shape[1] + j];
  return sum;
}

TEST(Matmul, SeveralResultsTransposedRhsAndInto) {
  TestModule test(R"(
    mixln.variable @v : tensor<1xf32> input
    mixln.entry @e {
      %a = arith.constant dense<0.0> : tensor<3x5xf32>
      %b = arith.constant dense<0.0> : tensor<4x5xf32>
      %c = arith.constant dense<0.0> : tensor<2x5xf32>
      %d = arith.constant dense<0.0> : tensor<3x4xf32>
      %f = arith.constant dense<0.0> : tensor<3x2xf32>
      %0, %1 = mixln.matmul lhs(%a : tensor<3x5xf32>)
        rhs(%b, %c : tensor<4x5xf32>, tensor<2x5xf32>)
        into(%d, %f : tensor<3x4xf32>, tensor<3x2xf32>) transpose_rhs
        -> tensor<3x4xf32>, tensor<3x2xf32>
    })");
  auto op = test.find<MatmulOp>();
  // More rows than the operation has: extents follow the operands.
  for (int64_t m : {3, 7}) {
    SmallVector<Array> in{
        randomArray(random(), {m, 5}), randomArray(random(), {4, 5}),
        randomArray(random(), {2, 5}), randomArray(random(), {m, 4}),
        randomArray(random(), {m, 2})};
    SmallVector<Array> out, sample;
    ASSERT_TRUE(succeeded(interpretOperation(op, in, out)));
    ASSERT_EQ(out.size(), 2u);
    for (int p = 0; p < 2; ++p)
      for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < in[1 + p].shape[0]; ++j)
          EXPECT_NEAR(out[p].data[i * in[1 + p].shape[0] + j],
                      in[3 + p].data[i * in[1 + p].shape[0] + j] +
                          product(in[0], false, in[1 + p], true, i, j),
                      1e-13);
    ASSERT_TRUE(succeeded(interpretRows(op, in, {2, 0}, sample)));
    for (int64_t j = 0; j < 4; ++j) {
      EXPECT_EQ(sample[0].data[j], out[0].data[2 * 4 + j]);
      EXPECT_EQ(sample[0].data[4 + j], out[0].data[j]);
    }
  }
}

TEST(Matmul, ReduceAndTransposedLhs) {
  TestModule test(R"(
    mixln.entry @e {
      %a = arith.constant dense<0.0> : tensor<5x3xf32>
      %b = arith.constant dense<0.0> : tensor<5x4xf32>
      %0 = mixln.matmul lhs(%a, %a : tensor<5x3xf32>, tensor<5x3xf32>)
        rhs(%b, %b : tensor<5x4xf32>, tensor<5x4xf32>) transpose_lhs reduce
        -> tensor<3x4xf32>
    })");
  SmallVector<Array> in{
      randomArray(random(), {5, 3}), randomArray(random(), {5, 3}),
      randomArray(random(), {5, 4}), randomArray(random(), {5, 4})};
  SmallVector<Array> out;
  ASSERT_TRUE(succeeded(interpretOperation(test.find<MatmulOp>(), in, out)));
  for (int64_t i = 0; i < 3; ++i)
    for (int64_t j = 0; j < 4; ++j)
      EXPECT_NEAR(out[0].data[i * 4 + j],
                  product(in[0], true, in[2], false, i, j) +
                      product(in[1], true, in[3], false, i, j),
                  1e-13);
}

TEST(Rowwise, LayerNormWithGainValuesAndSums) {
  TestModule test(R"(
    mixln.entry @e {
      %x = arith.constant dense<0.0> : tensor<4x6xf32>
      %g = arith.constant dense<0.0> : tensor<6xf32>
      %i = arith.constant dense<0.0> : tensor<6xf32>
      %y, %s, %t = mixln.rowwise [4] rows(%x : tensor<4x6xf32>)
          shared(%g : tensor<6xf32>) values(0.25) into(0: %i : tensor<6xf32>)
          -> rows(tensor<4x6xf32>) sums(tensor<6xf32>, tensor<1xf32>) {
      ^bb0(%a: vector<6xf32>, %w: vector<6xf32>, %c: f32):
        %n = arith.constant 6.0 : f32
        %0 = vector.reduction <add>, %a : vector<6xf32> into f32
        %1 = arith.divf %0, %n : f32
        %2 = vector.broadcast %1 : f32 to vector<6xf32>
        %3 = arith.subf %a, %2 : vector<6xf32>
        %4 = arith.mulf %3, %w : vector<6xf32>
        %5 = vector.broadcast %c : f32 to vector<6xf32>
        %6 = arith.mulf %4, %5 : vector<6xf32>
        mixln.yield rows(%6 : vector<6xf32>)
          sums(%a, %1 : vector<6xf32>, f32)
      }
    })");
  auto op = test.find<RowwiseOp>();
  for (int64_t rows : {4, 9}) {
    SmallVector<Array> in{randomArray(random(), {rows, 6}),
                          randomArray(random(), {6}),
                          randomArray(random(), {6})};
    SmallVector<Array> out, sample;
    ASSERT_TRUE(succeeded(interpretOperation(op, in, out)));
    ASSERT_EQ(out[0].shape, (SmallVector<int64_t>{rows, 6}));
    double sumOfMeans = 0;
    std::vector<double> columns = in[2].data;
    for (int64_t r = 0; r < rows; ++r) {
      double mean = 0;
      for (int64_t j = 0; j < 6; ++j) {
        mean += in[0].data[r * 6 + j] / 6;
        columns[j] += in[0].data[r * 6 + j];
      }
      sumOfMeans += mean;
      for (int64_t j = 0; j < 6; ++j)
        EXPECT_NEAR(out[0].data[r * 6 + j],
                    (in[0].data[r * 6 + j] - mean) * in[1].data[j] * 0.25,
                    1e-14);
    }
    for (int64_t j = 0; j < 6; ++j)
      EXPECT_NEAR(out[1].data[j], columns[j], 1e-13);
    EXPECT_NEAR(out[2].data[0], sumOfMeans, 1e-13);

    // Other immediates, given by a dispatch.
    Execution execution;
    double half = 0.5;
    execution.values = half;
    ASSERT_TRUE(succeeded(interpretRows(op, in, {3, 1}, sample, execution)));
    EXPECT_TRUE(sample[1].data.empty());
    for (int64_t j = 0; j < 6; ++j) {
      EXPECT_DOUBLE_EQ(sample[0].data[j], 2 * out[0].data[3 * 6 + j]);
      EXPECT_DOUBLE_EQ(sample[0].data[6 + j], 2 * out[0].data[6 + j]);
    }
  }
}

TEST(Rowwise, HeadsMapsAndSumsThatKeepHeads) {
  TestModule test(R"(
    mixln.entry @e {
      %x = arith.constant dense<0.0> : tensor<6x2x3xf32>
      %t = arith.constant dense<0.0> : tensor<3x3xf32>
      %h = arith.constant dense<0.0> : tensor<4xf32>
      %y, %s, %n = mixln.rowwise [6, 2] rows(%x, %t, %h : tensor<6x2x3xf32>,
          tensor<3x3xf32> by (d0, d1) -> (d0 mod 3),
          tensor<4xf32> by (d0, d1) -> (d1 + 2))
          -> rows(tensor<6x2x3xf32>)
             sums(tensor<2x3xf32> by (d0, d1) -> (d1),
                  tensor<2xf32> by (d0, d1) -> (d1)) {
      ^bb0(%a: vector<3xf32>, %b: vector<3xf32>, %c: f32):
        %0 = arith.mulf %a, %b : vector<3xf32>
        %1 = vector.broadcast %c : f32 to vector<3xf32>
        %2 = arith.mulf %0, %1 : vector<3xf32>
        mixln.yield rows(%2 : vector<3xf32>) sums(%2, %c : vector<3xf32>, f32)
      }
    })");
  SmallVector<Array> in{randomArray(random(), {6, 2, 3}),
                        randomArray(random(), {3, 3}),
                        randomArray(random(), {4})};
  SmallVector<Array> out;
  ASSERT_TRUE(succeeded(interpretOperation(test.find<RowwiseOp>(), in, out)));
  for (int64_t h = 0; h < 2; ++h) {
    EXPECT_NEAR(out[2].data[h], 6 * in[2].data[h + 2], 1e-13);
    for (int64_t j = 0; j < 3; ++j) {
      double sum = 0;
      for (int64_t r = 0; r < 6; ++r) {
        double expected = in[0].data[(r * 2 + h) * 3 + j] *
                          in[1].data[r % 3 * 3 + j] * in[2].data[h + 2];
        EXPECT_DOUBLE_EQ(out[0].data[(r * 2 + h) * 3 + j], expected);
        sum += expected;
      }
      EXPECT_NEAR(out[1].data[h * 3 + j], sum, 1e-13);
    }
  }
}

TEST(Rowwise, CrossEntropyWithIgnoredTargets) {
  TestModule test(R"(
    mixln.entry @e {
      %x = arith.constant dense<0.0> : tensor<3x5xf32>
      %t = arith.constant dense<0> : tensor<3xi32>
      %l = mixln.rowwise [3] rows(%x, %t : tensor<3x5xf32>, tensor<3xi32>)
          -> sums(tensor<1xf32>) {
      ^bb0(%a: vector<5xf32>, %target: i32):
        %columns = vector.step : vector<5xindex>
        %wanted = arith.index_cast %target : i32 to index
        %row = vector.broadcast %wanted : index to vector<5xindex>
        %hot = arith.cmpi eq, %columns, %row : vector<5xindex>
        %m0 = vector.reduction <maximumf>, %a : vector<5xf32> into f32
        %m = mixln.stop_gradient %m0 : f32
        %mm = vector.broadcast %m : f32 to vector<5xf32>
        %d = arith.subf %a, %mm : vector<5xf32>
        %e = math.exp %d : vector<5xf32>
        %s = vector.reduction <add>, %e : vector<5xf32> into f32
        %ls = math.log %s : f32
        %lse = arith.addf %ls, %m : f32
        %zero = arith.constant dense<0.0> : vector<5xf32>
        %pick = arith.select %hot, %a, %zero : vector<5xi1>, vector<5xf32>
        %p = vector.reduction <add>, %pick : vector<5xf32> into f32
        %loss = arith.subf %lse, %p : f32
        %c0 = arith.constant 0 : i32
        %valid = arith.cmpi sge, %target, %c0 : i32
        %f0 = arith.constant 0.0 : f32
        %out = arith.select %valid, %loss, %f0 : f32
        mixln.yield sums(%out : f32)
      }
    })");
  Array x = randomArray(random(), {3, 5}), targets = Array::full({3}, -100);
  targets.data[0] = 4;
  targets.data[2] = 0;
  SmallVector<Array> in{x, targets}, out;
  ASSERT_TRUE(succeeded(interpretOperation(test.find<RowwiseOp>(), in, out)))
      << test.errors;
  double expected = 0;
  for (auto [r, t] : {std::pair{0, 4}, std::pair{2, 0}}) {
    double sum = 0;
    for (int j = 0; j < 5; ++j)
      sum += std::exp(x.data[r * 5 + j]);
    expected += std::log(sum) - x.data[r * 5 + t];
  }
  EXPECT_NEAR(out[0].data[0], expected, 1e-13);
}

TEST(Embedding, RowsAndTheirGradient) {
  TestModule test(R"(
    mixln.entry @e {
      %w = arith.constant dense<0.0> : tensor<6x3xf32>
      %i = arith.constant dense<0> : tensor<4xi32>
      %s = arith.constant dense<0> : tensor<5xi32>
      %x = mixln.embedding %w, %i
        : tensor<6x3xf32>, tensor<4xi32> -> tensor<4x3xf32>
      %g = mixln.embedding_grad %x, %i, %i, %s : tensor<4x3xf32>,
        tensor<4xi32>, tensor<4xi32>, tensor<5xi32> -> tensor<6x3xf32>
    })");
  Array table = randomArray(random(), {6, 3}), ids{{4}, {5, 1, 5, 0}};
  Array order{{4}, {3, 1, 0, 2}}, starts{{5}, {0, 1, 2, 4, 4}};
  SmallVector<Array> out;
  ASSERT_TRUE(succeeded(
      interpretOperation(test.find<EmbeddingOp>(), {table, ids}, out)));
  for (int64_t r = 0; r < 4; ++r)
    for (int64_t j = 0; j < 3; ++j)
      EXPECT_EQ(out[0].data[r * 3 + j],
                table.data[int64_t(ids.data[r]) * 3 + j]);

  Array dy = randomArray(random(), {4, 3});
  auto grad = test.find<EmbeddingGradOp>();
  ASSERT_TRUE(
      succeeded(interpretOperation(grad, {dy, ids, order, starts}, out)));
  for (int64_t v = 0; v < 6; ++v)
    for (int64_t j = 0; j < 3; ++j) {
      double sum = 0;
      for (int64_t r = 0; r < 4; ++r)
        sum += ids.data[r] == v ? dy.data[r * 3 + j] : 0;
      EXPECT_DOUBLE_EQ(out[0].data[v * 3 + j], sum);
    }

  // A loader's mistakes are errors.
  Array mixed{{5}, {0, 1, 3, 4, 4}};
  EXPECT_TRUE(failed(interpretOperation(grad, {dy, ids, order, mixed}, out)));
  EXPECT_NE(test.errors.find("holds two tokens"), std::string::npos)
      << test.errors;
  Array wrong{{4}, {6, 1, 5, 0}};
  EXPECT_TRUE(failed(
      interpretOperation(test.find<EmbeddingOp>(), {table, wrong}, out)));
  EXPECT_NE(test.errors.find("id 6"), std::string::npos) << test.errors;
}

} // namespace
