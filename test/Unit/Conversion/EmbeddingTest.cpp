//===- EmbeddingTest.cpp - Table look-ups against plain loops -------------===//

#include "Targets.h"

#include "mixln/Conversion/EmbeddingToVector.h"

#include <algorithm>
#include <numeric>

using namespace mixln;
using namespace mixln::test;

namespace {

class EmbeddingTest : public ForEachTarget {};

TEST_P(EmbeddingTest, ForwardAndBackward) {
  llvm::SmallVector<std::string> phases, addPhases, narrowPhases;
  Kernels &kernels = load([&](KernelBuilder &b) {
    emitEmbeddingKernel(b, "embedding", {});
    emitEmbeddingKernel(b, "narrow", {Element::F32, Element::BF16});
    emitEmbeddingKernel(b, "wide", {Element::BF16, Element::F32});
    emitEmbeddingGradKernel(b, "grad", {false}, phases);
    emitEmbeddingGradKernel(b, "grad_add", {true}, addPhases);
    emitEmbeddingGradKernel(b, "grad_bf16", {true, Element::BF16},
                            narrowPhases);
  });
  std::mt19937 random(12);
  for (auto [rows, columns, vocabulary] : {std::array<int64_t, 3>{1, 1, 1},
                                           {40, 13, 7},
                                           {1000, 96, 300},
                                           {300, 67, 2000}}) {
    std::vector<int32_t> ids(rows), order(rows), starts(rows + 1, rows);
    for (int32_t &id : ids)
      id = random() % vocabulary;
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
      return std::pair(ids[a], a) < std::pair(ids[b], b);
    });
    int64_t segments = 0;
    for (int64_t i = 0; i < rows; ++i)
      if (i == 0 || ids[order[i]] != ids[order[i - 1]])
        starts[segments++] = i;

    Buffer table(vocabulary * columns), out(rows * columns);
    table.fill(random);
    out.fill(std::nanf(""));
    kernels.run("embedding", {table.get(), ids.data(), out.get()},
                {rows, columns}, embeddingTasks(rows, columns));
    std::vector<double> expected(out.size());
    for (int64_t i = 0; i < out.size(); ++i)
      expected[i] = table[ids[i / columns] * columns + i % columns];
    EXPECT_EQ(relativeError(out, expected), 0);
    NarrowBuffer narrow(out.size()), narrowTable(table);
    kernels.run("narrow", {table.get(), ids.data(), narrow.get()},
                {rows, columns}, embeddingTasks(rows, columns));
    for (int64_t i = 0; i < out.size(); ++i)
      ASSERT_EQ(narrow.get()[i], toBF16(expected[i]));
    kernels.run("wide", {narrowTable.get(), ids.data(), out.get()},
                {rows, columns}, embeddingTasks(rows, columns));
    for (int64_t i = 0; i < out.size(); ++i)
      ASSERT_EQ(out[i], fromBF16(narrow.get()[i]));

    Buffer dy(rows * columns), grad(vocabulary * columns);
    dy.fill(random);
    grad.fill(std::nanf(""));
    auto tasks = embeddingGradTasks({false}, rows, columns, vocabulary);
    for (size_t i = 0; i < phases.size(); ++i)
      kernels.run(
          phases[i],
          {dy.get(), ids.data(), order.data(), starts.data(), grad.get()},
          {rows, columns, vocabulary}, tasks[i]);
    expected.assign(grad.size(), 0);
    for (int64_t i = 0; i < dy.size(); ++i)
      expected[ids[i / columns] * columns + i % columns] += dy[i];
    EXPECT_LE(relativeError(grad, expected), 1e-6);

    tasks = embeddingGradTasks({true}, rows, columns, vocabulary);
    kernels.run(addPhases[0],
                {dy.get(), ids.data(), order.data(), starts.data(), grad.get(),
                 grad.get()},
                {rows, columns, vocabulary}, tasks[0]);
    for (double &x : expected)
      x *= 2;
    EXPECT_LE(relativeError(grad, expected), 1e-6);

    NarrowBuffer narrowDy(dy);
    grad.fill(0);
    kernels.run(narrowPhases[0],
                {narrowDy.get(), ids.data(), order.data(), starts.data(),
                 grad.get(), grad.get()},
                {rows, columns, vocabulary}, tasks[0]);
    expected.assign(grad.size(), 0);
    for (int64_t i = 0; i < dy.size(); ++i)
      expected[ids[i / columns] * columns + i % columns] +=
          fromBF16(narrowDy.get()[i]);
    EXPECT_LE(relativeError(grad, expected), 1e-6);
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, EmbeddingTest, bf16TargetNames(),
                         targetTestName);

} // namespace
