//===- MatmulBF16Test.cpp - Products of bf16 against plain loops ----------===//
//
// The operands are rounded to bf16 and multiplied in double precision. What is
// f32 in memory agrees with that as closely as an f32 product does; what is
// bf16 is off by at most half a unit in its 8th bit.
//
//===----------------------------------------------------------------------===//

#include "Targets.h"

#include "mixln/Conversion/MatmulToVector.h"

using namespace mixln;
using namespace mixln::test;

namespace {

constexpr double kTolerance = 2e-6;
constexpr double kNarrowTolerance = 0x1p-8;

/// The product of the roundings.
std::vector<double> product(const Buffer &a, const Buffer &b, int64_t m,
                            int64_t n, int64_t k, bool transposeLhs,
                            bool transposeRhs) {
  Buffer x = NarrowBuffer(a).widened(), y = NarrowBuffer(b).widened();
  std::vector<double> c(m * n);
  for (int64_t i = 0; i < m; ++i)
    for (int64_t p = 0; p < k; ++p) {
      double factor = transposeLhs ? x[p * m + i] : x[i * k + p];
      for (int64_t j = 0; j < n; ++j)
        c[i * n + j] += factor * (transposeRhs ? y[j * k + p] : y[p * n + j]);
    }
  return c;
}

struct Shape {
  int64_t m, n, k;
};

std::vector<Shape> shapes() {
  std::vector<Shape> result;
  const int64_t sizes[] = {1, 5, 13, 16, 48, 67, 96, 131};
  for (int64_t i = 0; i < 8; ++i)
    for (int64_t j = 0; j < 8; ++j)
      result.push_back({sizes[i], sizes[j], sizes[(i + 3 * j) % 8]});
  // Several blocks of the inner dimension, even and odd.
  result.push_back({70, 130, 3001});
  result.push_back({30, 70, 5462});
  result.push_back({300, 512, 1368});
  return result;
}

class MatmulBF16Test : public ForEachTarget {
protected:
  NarrowBuffer pack(Kernels &kernels, const Buffer &w, int64_t n, int64_t k,
                    bool transposed, bool fromNarrow = false) {
    PackSpec spec{transposed, fromNarrow ? Element::BF16 : Element::F32,
                  Element::BF16};
    NarrowBuffer source(w),
        packed(packedElements(kernels.getTarget(), n, k, Element::BF16));
    packed.fillNaN();
    void *from = w.get();
    if (fromNarrow)
      from = source.get();
    kernels.run(spec.name(), {from, packed.get()}, packSizes(spec, n, k),
                packTasks(kernels.getTarget(), n, k));
    return packed;
  }

  NarrowBuffer pair(Kernels &kernels, const Buffer &x, int64_t rows,
                    int64_t columns, bool fromNarrow) {
    PairSpec spec{fromNarrow ? Element::BF16 : Element::F32};
    NarrowBuffer source(x), paired(pairedElements(rows, columns));
    paired.fillNaN();
    void *from = x.get();
    if (fromNarrow)
      from = source.get();
    kernels.run(spec.name(), {from, paired.get()}, {rows, columns},
                pairTasks(rows, columns));
    return paired;
  }

  void run(Kernels &kernels, const MatmulSpec &spec,
           std::vector<void *> pointers, int64_t m,
           llvm::ArrayRef<MatmulExtents> extents) {
    MatmulLaunch launch = matmulLaunch(kernels.getTarget(), spec, m, extents);
    kernels.run(spec.name(), pointers, launch.sizes, launch.tasks,
                launch.scratchBytes);
  }
};

void emitPacks(KernelBuilder &b) {
  for (Element from : {Element::F32, Element::BF16}) {
    for (bool transposed : {true, false}) {
      PackSpec spec{transposed, from, Element::BF16};
      emitPackKernel(b, spec.name(), spec);
    }
    emitPairKernel(b, PairSpec{from}.name(), {from});
  }
}

MatmulSpec forward(int64_t k) {
  MatmulSpec spec;
  spec.product = Element::BF16;
  spec.oddDepth = k % 2;
  return spec;
}

TEST_P(MatmulBF16Test, RowsTimesPanels) {
  Kernels &kernels = load([](KernelBuilder &b) {
    emitPacks(b);
    for (int64_t k : {0, 1}) {
      MatmulSpec spec = forward(k);
      emitMatmulKernel(b, spec.name(), spec);
      spec.accumulate = true;
      emitMatmulKernel(b, spec.name(), spec);
      spec.accumulate = false;
      spec.bf16Results = 1;
      emitMatmulKernel(b, spec.name(), spec);
    }
  });
  std::mt19937 random(7);
  for (auto [m, n, k] : shapes())
    for (bool transposeRhs : {true, false}) {
      Buffer a(m * k), w(n * k), c(m * n);
      a.fill(random);
      w.fill(random);
      c.fill(std::nanf(""));
      NarrowBuffer x(a), y(m * n);
      y.fillNaN();
      NarrowBuffer packed = pack(kernels, w, n, k, transposeRhs);
      NarrowBuffer again = pack(kernels, w, n, k, transposeRhs, true);
      ASSERT_TRUE(
          std::equal(packed.get(), packed.get() + packed.size(), again.get()))
          << n << "x" << k << " " << transposeRhs;
      auto expected = product(a, w, m, n, k, false, transposeRhs);
      std::string what =
          std::to_string(m) + "x" + std::to_string(n) + "x" + std::to_string(k);
      MatmulSpec spec = forward(k);
      run(kernels, spec, {x.get(), packed.get(), c.get()}, m, {{n, k}});
      ASSERT_LE(relativeError(c, expected), kTolerance) << what;
      spec.bf16Results = 1;
      run(kernels, spec, {x.get(), packed.get(), y.get()}, m, {{n, k}});
      ASSERT_LE(relativeError(y.widened(), expected), kNarrowTolerance) << what;
      spec.bf16Results = 0;
      spec.accumulate = true;
      run(kernels, spec, {x.get(), packed.get(), c.get(), c.get()}, m,
          {{n, k}});
      for (double &value : expected)
        value *= 2;
      ASSERT_LE(relativeError(c, expected), kTolerance) << "add " << what;
    }
}

TEST_P(MatmulBF16Test, GradientsOfWeights) {
  auto spec = [](bool packed, bool add, bool narrow) {
    MatmulSpec spec;
    spec.product = Element::BF16;
    spec.transposeLhs = true;
    spec.rhsPacked = packed;
    spec.accumulate = add;
    spec.bf16Results = narrow;
    return spec;
  };
  Kernels &kernels = load([&](KernelBuilder &b) {
    emitPacks(b);
    for (bool packed : {false, true})
      for (auto [add, narrow] :
           {std::pair(false, false), std::pair(true, false),
            std::pair(false, true)})
        emitMatmulKernel(b, spec(packed, add, narrow).name(),
                         spec(packed, add, narrow));
  });
  std::mt19937 random(8);
  for (auto [m, n, k] : shapes())
    for (bool fromNarrow : {false, true}) {
      Buffer dy(m * k), x(n * k), dw(m * n);
      dy.fill(random);
      x.fill(random);
      auto once = product(dy, x, m, n, k, true, false);
      auto twice = once;
      for (double &value : twice)
        value *= 2;
      NarrowBuffer lhs = pair(kernels, dy, k, m, fromNarrow);
      NarrowBuffer paired = pair(kernels, x, k, n, !fromNarrow);
      NarrowBuffer panels = pack(kernels, x, n, k, false, fromNarrow);
      for (bool packed : {false, true}) {
        NarrowBuffer &rhs = packed ? panels : paired;
        dw.fill(std::nanf(""));
        run(kernels, spec(packed, false, false),
            {lhs.get(), rhs.get(), dw.get()}, m, {{n, k}});
        ASSERT_LE(relativeError(dw, once), kTolerance)
            << m << "x" << n << "x" << k << " " << packed;
        run(kernels, spec(packed, true, false),
            {lhs.get(), rhs.get(), dw.get(), dw.get()}, m, {{n, k}});
        ASSERT_LE(relativeError(dw, twice), kTolerance)
            << m << "x" << n << "x" << k << " " << packed;
        NarrowBuffer narrow(m * n);
        narrow.fillNaN();
        run(kernels, spec(packed, false, true),
            {lhs.get(), rhs.get(), narrow.get()}, m, {{n, k}});
        ASSERT_LE(relativeError(narrow.widened(), once), kNarrowTolerance)
            << m << "x" << n << "x" << k << " " << packed;
      }
    }
}

/// Results of both types from one left side; a sum of products of unlike depth
/// that is rounded once.
TEST_P(MatmulBF16Test, ListsOfProducts) {
  MatmulSpec shared = forward(70), sum = forward(33);
  shared.numRhs = 3;
  shared.bf16Results = 5;
  sum.numLhs = sum.numRhs = 3;
  sum.reduce = true;
  sum.bf16Results = 1;
  Kernels &kernels = load([&](KernelBuilder &b) {
    emitPacks(b);
    emitMatmulKernel(b, shared.name(), shared);
    emitMatmulKernel(b, sum.name(), sum);
  });
  std::mt19937 random(9);
  int64_t m = 150, k = 70;
  int64_t ns[] = {64, 37, 130};
  Buffer a(m * k);
  a.fill(random);
  NarrowBuffer x(a);
  std::vector<Buffer> ws;
  std::vector<NarrowBuffer> packed;
  std::vector<MatmulExtents> extents;
  for (int64_t n : ns) {
    ws.push_back(std::move(Buffer(n * k).fill(random)));
    packed.push_back(pack(kernels, ws.back(), n, k, true));
    extents.push_back({n, k});
  }
  NarrowBuffer first(m * ns[0]), third(m * ns[2]);
  Buffer second(m * ns[1]);
  run(kernels, shared,
      {x.get(), packed[0].get(), packed[1].get(), packed[2].get(), first.get(),
       second.get(), third.get()},
      m, extents);
  auto expect = [&](const Buffer &found, int64_t i, double tolerance) {
    EXPECT_LE(relativeError(found, product(a, ws[i], m, ns[i], k, false, true)),
              tolerance);
  };
  expect(first.widened(), 0, kNarrowTolerance);
  expect(second, 1, kTolerance);
  expect(third.widened(), 2, kNarrowTolerance);

  int64_t n = 90;
  int64_t depths[] = {70, 33, 3000};
  std::vector<NarrowBuffer> sides, panels;
  std::vector<double> total(m * n);
  extents.clear();
  std::vector<void *> pointers;
  for (int64_t depth : depths) {
    Buffer left(m * depth), right(depth * n);
    left.fill(random);
    right.fill(random);
    sides.emplace_back(left);
    panels.push_back(pack(kernels, right, n, depth, false));
    auto part = product(left, right, m, n, depth, false, false);
    for (size_t i = 0; i < total.size(); ++i)
      total[i] += part[i];
    extents.push_back({n, depth});
  }
  for (NarrowBuffer &side : sides)
    pointers.push_back(side.get());
  for (NarrowBuffer &panel : panels)
    pointers.push_back(panel.get());
  NarrowBuffer c(m * n);
  pointers.push_back(c.fillNaN().get());
  run(kernels, sum, pointers, m, extents);
  Buffer found = c.widened();
  EXPECT_LE(relativeError(found, total), kNarrowTolerance);
  // Each element is the rounding of the whole sum, but where f32 tips it over.
  int64_t others = 0;
  for (int64_t i = 0; i < found.size(); ++i)
    others += found[i] != fromBF16(toBF16(total[i]));
  EXPECT_LE(others, found.size() / 100);
}

/// Rounding to nearest even; NaN and infinity stay what they are, also in the
/// elements that a mask cuts off and the half word of an odd row.
TEST_P(MatmulBF16Test, RoundsAndKeepsNaN) {
  Kernels &kernels = load([](KernelBuilder &b) { emitPacks(b); });
  const uint32_t bits[] = {0x3f800000, 0x3f808000, 0x3f818000, 0x3f808001,
                           0x3f807fff, 0x7f800000, 0xff800000, 0x7f7fffff,
                           0x7fc00000, 0x7f800001, 0xffffffff, 0x00000000,
                           0x80000000, 0x7f7f7fff, 0xbf808000};
  const int64_t rows = 2, columns = 19;
  Buffer values(rows * columns);
  for (int64_t i = 0; i < values.size(); ++i)
    values[i] = llvm::bit_cast<float>(bits[i % std::size(bits)]);
  NarrowBuffer paired = pair(kernels, values, rows, columns, false);
  for (int64_t i = 0; i < values.size(); ++i) {
    int64_t row = i / columns, column = i % columns;
    uint16_t found = paired.get()[2 * column + row];
    if (std::isnan(values[i]))
      EXPECT_TRUE(std::isnan(fromBF16(found))) << i;
    else
      EXPECT_EQ(found, toBF16(values[i])) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, MatmulBF16Test, bf16TargetNames(),
                         targetTestName);

} // namespace
