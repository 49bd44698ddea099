//===- MatmulTest.cpp - Matrix products against plain loops ---------------===//

#include "Targets.h"

#include "mixln/Conversion/MatmulToVector.h"

using namespace mixln;
using namespace mixln::test;

namespace {

constexpr double kTolerance = 2e-6;

std::vector<double> product(const Buffer &a, const Buffer &b, int64_t m,
                            int64_t n, int64_t k, bool transposeLhs,
                            bool transposeRhs) {
  std::vector<double> c(m * n);
  for (int64_t i = 0; i < m; ++i)
    for (int64_t p = 0; p < k; ++p) {
      double x = transposeLhs ? a[p * m + i] : a[i * k + p];
      for (int64_t j = 0; j < n; ++j)
        c[i * n + j] += x * (transposeRhs ? b[j * k + p] : b[p * n + j]);
    }
  return c;
}

struct Shape {
  int64_t m, n, k;
};

std::vector<Shape> shapes() {
  std::vector<Shape> result;
  const int64_t sizes[] = {1, 5, 13, 16, 48, 67, 96, 131, 257};
  // Every size meets every place; all triples would take minutes.
  for (int64_t i = 0; i < 9; ++i)
    for (int64_t j = 0; j < 9; ++j)
      result.push_back({sizes[i], sizes[j], sizes[(i + 2 * j) % 9]});
  result.push_back({300, 512, 1368});
  result.push_back({70, 130, 3001});
  result.push_back({7, 2000, 600});
  return result;
}

class MatmulTest : public ForEachTarget {};

TEST_P(MatmulTest, PackedBothWays) {
  Kernels &kernels = load([](KernelBuilder &b) {
    emitPackKernel(b, "pack_t", {true});
    emitPackKernel(b, "pack_n", {false});
    emitMatmulKernel(b, "forward", MatmulSpec());
    MatmulSpec add;
    add.accumulate = true;
    emitMatmulKernel(b, "forward_add", add);
    MatmulSpec transposed;
    transposed.transposeLhs = true;
    emitMatmulKernel(b, "transposed", transposed);
  });
  const TargetInfo &target = kernels.getTarget();
  std::mt19937 random(7);
  for (auto [m, n, k] : shapes())
    for (bool transposeLhs : {false, true})
      for (bool transposeRhs : {true, false}) {
        Buffer a(m * k), w(n * k), c(m * n);
        a.fill(random);
        w.fill(random);
        c.fill(std::nanf(""));
        Buffer packed(packedElements(target, n, k));
        packed.fill(std::nanf(""));
        kernels.run(transposeRhs ? "pack_t" : "pack_n", {w.get(), packed.get()},
                    packSizes({transposeRhs}, n, k), packTasks(target, n, k));
        MatmulSpec spec;
        spec.transposeLhs = transposeLhs;
        MatmulLaunch launch = matmulLaunch(target, spec, m, {{n, k}});
        kernels.run(transposeLhs ? "transposed" : "forward",
                    {a.get(), packed.get(), c.get()}, launch.sizes,
                    launch.tasks, launch.scratchBytes);
        auto expected = product(a, w, m, n, k, transposeLhs, transposeRhs);
        ASSERT_LE(relativeError(c, expected), kTolerance)
            << m << "x" << n << "x" << k << " " << transposeLhs << transposeRhs;
        if (transposeLhs)
          continue;
        kernels.run("forward_add", {a.get(), packed.get(), c.get(), c.get()},
                    launch.sizes, launch.tasks, launch.scratchBytes);
        for (double &x : expected)
          x *= 2;
        ASSERT_LE(relativeError(c, expected), kTolerance)
            << "add " << m << "x" << n << "x" << k;
      }
}

TEST_P(MatmulTest, RightSideInPlace) {
  MatmulSpec gradient;
  gradient.transposeLhs = true;
  gradient.rhsPacked = false;
  MatmulSpec plain;
  plain.rhsPacked = false;
  MatmulSpec add = gradient;
  add.accumulate = true;
  Kernels &kernels = load([&](KernelBuilder &b) {
    emitMatmulKernel(b, "gradient", gradient);
    emitMatmulKernel(b, "plain", plain);
    emitMatmulKernel(b, "gradient_add", add);
  });
  std::mt19937 random(8);
  for (auto [m, n, k] : shapes())
    for (bool transposeLhs : {true, false}) {
      Buffer a(m * k), w(n * k), c(m * n);
      a.fill(random);
      w.fill(random);
      c.fill(std::nanf(""));
      MatmulLaunch launch = matmulLaunch(
          kernels.getTarget(), transposeLhs ? gradient : plain, m, {{n, k}});
      kernels.run(transposeLhs ? "gradient" : "plain",
                  {a.get(), w.get(), c.get()}, launch.sizes, launch.tasks,
                  launch.scratchBytes);
      auto expected = product(a, w, m, n, k, transposeLhs, false);
      ASSERT_LE(relativeError(c, expected), kTolerance)
          << m << "x" << n << "x" << k << " " << transposeLhs;
      if (!transposeLhs)
        continue;
      kernels.run("gradient_add", {a.get(), w.get(), c.get(), c.get()},
                  launch.sizes, launch.tasks, launch.scratchBytes);
      for (double &x : expected)
        x *= 2;
      ASSERT_LE(relativeError(c, expected), kTolerance)
          << "add " << m << "x" << n << "x" << k;
    }
}

TEST_P(MatmulTest, ListsOfProducts) {
  MatmulSpec shared, sum;
  shared.numRhs = 3;
  sum.numLhs = sum.numRhs = 2;
  sum.reduce = true;
  Kernels &kernels = load([&](KernelBuilder &b) {
    emitPackKernel(b, "pack", {true});
    emitMatmulKernel(b, "shared", shared);
    emitMatmulKernel(b, "sum", sum);
  });
  const TargetInfo &target = kernels.getTarget();
  std::mt19937 random(9);
  int64_t m = 150, k = 70;
  int64_t ns[] = {64, 37, 130};
  auto pack = [&](Buffer &w, int64_t n, int64_t k) {
    Buffer packed(packedElements(target, n, k));
    kernels.run("pack", {w.get(), packed.get()}, packSizes({true}, n, k),
                packTasks(target, n, k));
    return packed;
  };
  Buffer a(m * k);
  a.fill(random);
  std::vector<Buffer> ws, packed, cs;
  std::vector<MatmulExtents> extents;
  for (int64_t n : ns) {
    ws.push_back(std::move(Buffer(n * k).fill(random)));
    packed.push_back(pack(ws.back(), n, k));
    cs.emplace_back(m * n);
    extents.push_back({n, k});
  }
  MatmulLaunch launch = matmulLaunch(target, shared, m, extents);
  kernels.run("shared",
              {a.get(), packed[0].get(), packed[1].get(), packed[2].get(),
               cs[0].get(), cs[1].get(), cs[2].get()},
              launch.sizes, launch.tasks, launch.scratchBytes);
  for (int i = 0; i < 3; ++i)
    EXPECT_LE(relativeError(cs[i], product(a, ws[i], m, ns[i], k, false, true)),
              kTolerance);

  // Two products of unlike depth into one result.
  int64_t n = 90, k2 = 33;
  Buffer a2(m * k2), w1(n * k), w2(n * k2), c(m * n);
  a2.fill(random);
  w1.fill(random);
  w2.fill(random);
  c.fill(std::nanf(""));
  Buffer p1 = pack(w1, n, k), p2 = pack(w2, n, k2);
  launch = matmulLaunch(target, sum, m, {{n, k}, {n, k2}});
  kernels.run("sum", {a.get(), a2.get(), p1.get(), p2.get(), c.get()},
              launch.sizes, launch.tasks, launch.scratchBytes);
  auto expected = product(a, w1, m, n, k, false, true);
  auto second = product(a2, w2, m, n, k2, false, true);
  for (size_t i = 0; i < expected.size(); ++i)
    expected[i] += second[i];
  EXPECT_LE(relativeError(c, expected), kTolerance);
}

/// Slices of rows and columns of larger matrices, by leading dimensions.
TEST_P(MatmulTest, LeadingDimensions) {
  Kernels &kernels = load([&](KernelBuilder &b) {
    emitPackKernel(b, "pack", {true});
    emitMatmulKernel(b, "forward", MatmulSpec());
  });
  const TargetInfo &target = kernels.getTarget();
  std::mt19937 random(10);
  int64_t m = 33, n = 50, k = 40, lda = 64, ldb = 47, ldc = 77;
  Buffer a(m * lda), w(n * ldb), c(m * ldc);
  a.fill(random);
  w.fill(random);
  c.fill(5.0f);
  Buffer packed(packedElements(target, n, k));
  kernels.run("pack", {w.get(), packed.get()}, packSizes({true}, n, k, ldb),
              packTasks(target, n, k));
  MatmulLaunch launch =
      matmulLaunch(target, MatmulSpec(), m, {{n, k, lda, 0, ldc}});
  kernels.run("forward", {a.get(), packed.get(), c.get()}, launch.sizes,
              launch.tasks, launch.scratchBytes);
  std::vector<double> expected(m * ldc, 5.0);
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (int64_t p = 0; p < k; ++p)
        sum += double(a[i * lda + p]) * w[j * ldb + p];
      expected[i * ldc + j] = sum;
    }
  EXPECT_LE(relativeError(c, expected), kTolerance);
}

/// Products of a training step, on sampled rows; the tasks run backwards, which
/// must not matter.
TEST_P(MatmulTest, RealShapes) {
  MatmulSpec forward, gradient;
  gradient.transposeLhs = true;
  gradient.rhsPacked = false;
  Kernels &kernels = load([&](KernelBuilder &b) {
    emitPackKernel(b, "pack", {true});
    emitMatmulKernel(b, "forward", forward);
    emitMatmulKernel(b, "gradient", gradient);
  });
  const TargetInfo &target = kernels.getTarget();
  std::mt19937 random(14);
  int64_t tokens = 2048;
  // The last has more panels in a task than scratch has room for.
  for (auto [out, in] :
       {std::pair<int64_t, int64_t>{512, 1368}, {1368, 512}, {4500, 300}}) {
    Buffer x(tokens * in), w(out * in), y(tokens * out), dw(out * in);
    x.fill(random);
    w.fill(random);
    y.fill(std::nanf(""));
    dw.fill(std::nanf(""));
    Buffer packed(packedElements(target, out, in));
    kernels.run("pack", {w.get(), packed.get()}, packSizes({true}, out, in),
                packTasks(target, out, in));
    auto runBackwards = [&](const char *symbol, std::vector<void *> pointers,
                            const MatmulLaunch &launch) {
      Buffer scratch(launch.scratchBytes / 4);
      scratch.fill(std::nanf(""));
      for (int64_t task = launch.tasks; task-- > 0;)
        kernels.get(symbol)(pointers.data(), launch.sizes.data(), nullptr, task,
                            launch.tasks,
                            reinterpret_cast<char *>(scratch.get()));
    };
    MatmulLaunch launch = matmulLaunch(target, forward, tokens, {{out, in}});
    EXPECT_GE(launch.tasks, 16);
    runBackwards("forward", {x.get(), packed.get(), y.get()}, launch);
    launch = matmulLaunch(target, gradient, out, {{in, tokens}});
    EXPECT_GE(launch.tasks, 16);
    runBackwards("gradient", {y.get(), x.get(), dw.get()}, launch);

    auto checkRow = [&](const Buffer &result, int64_t row, int64_t columns,
                        int64_t depth, auto left, auto right) {
      Buffer found(columns);
      std::vector<double> expected(columns);
      for (int64_t j = 0; j < columns; ++j) {
        found[j] = result[row * columns + j];
        for (int64_t p = 0; p < depth; ++p)
          expected[j] += double(left(p)) * right(p, j);
      }
      EXPECT_LE(relativeError(found, expected), kTolerance) << row;
    };
    for (int64_t row : {0, 5, 125, 126, 127, 132, 511}) {
      checkRow(
          y, row, out, in, [&](int64_t p) { return x[row * in + p]; },
          [&](int64_t p, int64_t j) { return w[j * in + p]; });
      checkRow(
          dw, row, in, tokens, [&](int64_t p) { return y[p * out + row]; },
          [&](int64_t p, int64_t j) { return x[p * in + j]; });
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, MatmulTest, targetNames(), targetTestName);

} // namespace
