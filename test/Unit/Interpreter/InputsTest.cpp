//===- InputsTest.cpp - Inputs, comparison, finite differences ------------===//

#include "TestModule.h"

#include "mixln/Interpreter/Compare.h"
#include "mixln/Interpreter/Files.h"
#include "mixln/Interpreter/FiniteDifferences.h"
#include "mixln/Interpreter/Inputs.h"
#include "mixln/Support/Safetensors.h"

#include "llvm/Support/FileSystem.h"

#include <algorithm>
#include <cmath>

using namespace mixln;
using llvm::SmallVector;

namespace {

constexpr const char *kVariables = R"(
  module attributes {mixln.config = {vocab_size = 7 : i64}} {
  mixln.variable @w : tensor<200x50xf32> parameter
    init = #mixln.init<normal 2.0e-02>
  mixln.variable @g : tensor<50xf32> parameter init = #mixln.init<constant 0.5>
  mixln.variable @adam_m.g : tensor<50xf32> moment of @g
  mixln.variable @adam_v.g : tensor<50xf32> moment of @g
  mixln.variable @rope_cos : tensor<6x4xf32> constant
    init = #mixln.init<rope_cos 1.0e+04>
  mixln.variable @rope_sin : tensor<6x4xf32> constant
    init = #mixln.init<rope_sin 1.0e+04>
  mixln.variable @input_ids : tensor<40xi32> input
  mixln.variable @targets : tensor<40xi32> input
  mixln.variable @token_order : tensor<40xi32> input
  mixln.variable @segment_starts : tensor<41xi32> input
  mixln.variable @loss_scale : tensor<1xf32> scalar
  mixln.variable @loss_sum : tensor<1xf32> output
  mixln.entry @copy {
    %g = mixln.load @adam_m.g : tensor<50xf32>
    mixln.store %g, @adam_v.g : tensor<50xf32>
  }
  })";

TEST(Inputs, InitialValues) {
  TestModule test(kVariables);
  Interpreter interpreter(*test.module), again(*test.module),
      other(*test.module);
  ASSERT_TRUE(succeeded(initializeVariables(interpreter, 1)));
  ASSERT_TRUE(succeeded(initializeVariables(again, 1)));
  ASSERT_TRUE(succeeded(initializeVariables(other, 2)));
  const Array &w = interpreter.getVariable("w");
  EXPECT_EQ(w.data, again.getVariable("w").data);
  EXPECT_NE(w.data, other.getVariable("w").data);
  double sum = 0, squares = 0;
  for (double element : w.data) {
    sum += element;
    squares += element * element;
  }
  EXPECT_NEAR(sum / 10000, 0, 4 * 0.02 / 100);
  EXPECT_NEAR(std::sqrt(squares / 10000), 0.02, 4 * 0.02 / 140);
  EXPECT_EQ(interpreter.getVariable("g").data, std::vector<double>(50, 0.5));
  EXPECT_EQ(interpreter.getVariable("adam_v.g").data,
            std::vector<double>(50, 0));
  for (int t = 0; t < 6; ++t)
    for (int j = 0; j < 4; ++j) {
      double angle = t * std::pow(1e4, -2.0 * j / 8);
      EXPECT_NEAR(interpreter.getVariable("rope_cos").data[t * 4 + j],
                  std::cos(angle), 1e-15);
      EXPECT_NEAR(interpreter.getVariable("rope_sin").data[t * 4 + j],
                  std::sin(angle), 1e-15);
    }
  // Nobody has said what the batch is.
  EXPECT_FALSE(interpreter.isWritten("input_ids"));
}

TEST(Inputs, RandomInputsFitTogether) {
  TestModule test(kVariables);
  Interpreter interpreter(*test.module);
  ASSERT_TRUE(succeeded(fillRandomly(interpreter, 4)));
  const std::vector<double> ids = interpreter.getVariable("input_ids").data;
  for (double id : ids)
    EXPECT_TRUE(id >= 0 && id < 7 && id == std::floor(id)) << id;
  const std::vector<double> targets = interpreter.getVariable("targets").data;
  int64_t ignored = std::count(targets.begin(), targets.end(), -100.0);
  EXPECT_GT(ignored, 0);
  EXPECT_LT(ignored, 30);
  for (double v : interpreter.getVariable("adam_v.g").data)
    EXPECT_GE(v, 0);

  std::vector<double> order = interpreter.getVariable("token_order").data;
  std::vector<double> starts = interpreter.getVariable("segment_starts").data;
  for (size_t i = 1; i < order.size(); ++i) {
    auto key = [&](double r) { return std::pair(ids[int64_t(r)], r); };
    EXPECT_LT(key(order[i - 1]), key(order[i]));
    bool isStart =
        std::find(starts.begin(), starts.end(), double(i)) != starts.end();
    EXPECT_EQ(isStart, ids[int64_t(order[i])] != ids[int64_t(order[i - 1])]);
  }
  EXPECT_EQ(starts.front(), 0);
  EXPECT_EQ(starts.back(), 40);
  std::sort(order.begin(), order.end());
  for (int i = 0; i < 40; ++i)
    EXPECT_EQ(order[i], i);
}

/// A batch and a weight in a file whose name is removed at the end.
struct TemporaryFile {
  explicit TemporaryFile(const std::vector<NamedTensor> &tensors) {
    EXPECT_FALSE(
        llvm::sys::fs::createTemporaryFile("batch", "safetensors", path));
    EXPECT_FALSE(bool(writeSafetensors(path, tensors)));
  }
  ~TemporaryFile() { llvm::sys::fs::remove(path); }
  llvm::SmallString<128> path;
};

TEST(Files, ABatchAsTheLoaderRecordsIt) {
  TestModule test(kVariables);
  Interpreter interpreter(*test.module);
  NamedTensor ids{"input_ids", "I32", {5, 8}, std::vector<double>(40, 3)};
  NamedTensor labels{"labels", "I32", {5, 8}, {}};
  for (int i = 0; i < 40; ++i)
    labels.data.push_back(i % 8 > 5 ? -100 : i % 7);
  TemporaryFile file({ids, labels});
  llvm::Error error = loadVariables(interpreter, file.path);
  ASSERT_FALSE(bool(error)) << llvm::toString(std::move(error));
  const Array &targets = interpreter.getVariable("targets");
  EXPECT_EQ(targets.shape, (SmallVector<int64_t>{40}));
  for (int i = 0; i < 40; ++i)
    EXPECT_EQ(targets.data[i], i % 8 > 4 ? -100 : (i + 1) % 7) << i;
  EXPECT_EQ(interpreter.getVariable("token_order").data[39], 39);
  EXPECT_EQ(interpreter.getVariable("segment_starts").data[1], 40);
  ASSERT_TRUE(succeeded(setDefaultLossScale(interpreter)));
  EXPECT_EQ(interpreter.getVariable("loss_scale").data[0], 1.0 / 25);
}

TEST(Files, WhatDoesNotFitIsNamed) {
  TestModule test(kVariables);
  Interpreter interpreter(*test.module);
  for (auto [tensor, expected] :
       {std::pair<NamedTensor, const char *>(
            {"nobody", "F32", {1}, {1}},
            "tensor 'nobody' is no variable of the module"),
        std::pair<NamedTensor, const char *>(
            {"g", "F32", {2}, {1, 2}},
            "tensor 'g' has 2 elements, the variable has 50")}) {
    TemporaryFile file({tensor});
    std::string error = llvm::toString(loadVariables(interpreter, file.path));
    EXPECT_NE(error.find(expected), std::string::npos) << error;
    EXPECT_EQ(error.find(file.path.str().str()), 0u) << error;
  }
}

TEST(Files, WhatWasWrittenIsSaved) {
  TestModule test(kVariables);
  Interpreter interpreter(*test.module);
  ASSERT_TRUE(succeeded(initializeVariables(interpreter, 1)));
  TemporaryFile file({});
  ASSERT_FALSE(bool(saveVariables(interpreter, file.path, /*asF64=*/true)));
  auto saved = readSafetensors(file.path);
  ASSERT_TRUE(bool(saved));
  // Parameters; no moments, no constants, no outputs that nobody wrote.
  ASSERT_EQ(saved->size(), 2u);
  for (const NamedTensor &tensor : *saved)
    EXPECT_EQ(tensor.data, interpreter.getVariable(tensor.name).data);
}

TEST(Compare, FindsWhatDiffersAndWhatIsMissing) {
  TestModule test(kVariables);
  Interpreter a(*test.module), b(*test.module);
  ASSERT_TRUE(succeeded(fillRandomly(a, 4)));
  ASSERT_TRUE(succeeded(fillRandomly(b, 4)));
  EXPECT_EQ(compareVariables(a, b).front().error, 0);

  Array g = b.getVariable("g");
  g.data[3] += 1e-3;
  ASSERT_TRUE(succeeded(b.setVariable("g", g)));
  EXPECT_EQ(compareVariables(a, b).front().name, "g");
  EXPECT_NEAR(compareVariables(a, b).front().error, 2.8e-4, 2e-4);

  // NaN never agrees, also not with itself.
  g.data[3] = NAN;
  ASSERT_TRUE(succeeded(a.setVariable("g", g)));
  ASSERT_TRUE(succeeded(b.setVariable("g", g)));
  EXPECT_EQ(compareVariables(a, b).front().name, "g");
  EXPECT_FALSE(compareVariables(a, b).front().error <= 1e300);

  // What only one of them writes.
  ASSERT_TRUE(succeeded(a.setVariable("loss_sum", Array::full({1}, 1))));
  bool found = false;
  for (const VariableError &error : compareVariables(a, b))
    found |= error.name == "loss_sum" && std::isinf(error.error) &&
             !error.reason.empty();
  EXPECT_TRUE(found);
}

TEST(FiniteDifferences, OfOneOperation) {
  // y = x * x with weights dy: dx = 2 x dy, ds = 0 through stop_gradient.
  TestModule test(R"(
    mixln.entry @e {
      %x = arith.constant dense<0.0> : tensor<5x4xf32>
      %r = mixln.rowwise [5] rows(%x, %x : tensor<5x4xf32>, tensor<5x4xf32>)
          -> rows(tensor<5x4xf32>) {
      ^bb0(%a: vector<4xf32>, %b: vector<4xf32>):
        %s = mixln.stop_gradient %b : vector<4xf32>
        %p = arith.mulf %a, %a : vector<4xf32>
        %y = arith.mulf %p, %s : vector<4xf32>
        mixln.yield rows(%y : vector<4xf32>)
      }
    })");
  std::mt19937 random(3);
  SmallVector<Array> in{randomArray(random, {5, 4}),
                        randomArray(random, {5, 4})};
  Array dy = randomArray(random, {5, 4}), dx = dy, ds = Array::full({5, 4}, 0);
  for (int i = 0; i < 20; ++i)
    dx.data[i] *= 2 * in[0].data[i] * in[1].data[i];
  auto op = test.find<RowwiseOp>();
  auto found = checkOperation(op, in, {dy}, {dx, ds}, {});
  ASSERT_TRUE(succeeded(found));
  ASSERT_EQ(found->size(), 2u);
  EXPECT_LE((*found)[0].error, 1e-8);
  EXPECT_LE((*found)[1].error, 1e-8);

  // A gradient that is wrong in an element that is not sampled alone.
  dx.data[17] += 0.1;
  FiniteDifferenceOptions options;
  options.samples = 0;
  found = checkOperation(op, in, {dy}, {dx, ds}, options);
  ASSERT_TRUE(succeeded(found));
  EXPECT_GE((*found)[0].error, 1e-4);
}

} // namespace
