//===- RowStagesTest.cpp - How row programs are split ---------------------===//

#include "RowPrograms.h"

#include "mixln/Analysis/RowStages.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace mixln;
using namespace mixln::test;

namespace {

class RowStagesTest : public ::testing::Test {
protected:
  RowwiseOp build(StringRef name, int64_t rows = 8, int64_t width = 64) {
    return buildRowProgram(*module, makeProgram(name, rows, width));
  }
  /// The kinds of the loads of a loop, one letter each, sorted.
  static std::string loadsOf(const RowLoop &loop) {
    std::string letters;
    for (auto &[value, source] : loop.loads)
      letters += "OSRB"[source.kind];
    llvm::sort(letters);
    return letters;
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(&context));
};

TEST_F(RowStagesTest, OneStageWithoutReductions) {
  FailureOr<RowStages> stages = RowStages::create(build("adam"));
  ASSERT_TRUE(succeeded(stages));
  ASSERT_EQ(stages->getLoops().size(), 1u);
  EXPECT_EQ(loadsOf(stages->getLoops()[0]), "OOOO");
  EXPECT_EQ(stages->getLoops()[0].results.size(), 3u);
}

// x + F is cheap to add again; the first norm's rows are already in memory when
// the second one needs them.
TEST_F(RowStagesTest, ReloadsAndRecomputes) {
  FailureOr<RowStages> stages = RowStages::create(build("residual_norm_norm"));
  ASSERT_TRUE(succeeded(stages));
  ArrayRef<RowLoop> loops = stages->getLoops();
  ASSERT_EQ(loops.size(), 3u);
  EXPECT_EQ(loadsOf(loops[0]), "OO");
  EXPECT_EQ(loadsOf(loops[1]), "OOS");
  EXPECT_EQ(loadsOf(loops[2]), "RS");
  EXPECT_TRUE(stages->getBuffers().empty());
}

// The exponentials are kept; the maximum and the target's logit share a pass.
TEST_F(RowStagesTest, KeepsWhatIsDear) {
  FailureOr<RowStages> stages = RowStages::create(build("loss_gradient"));
  ASSERT_TRUE(succeeded(stages));
  ArrayRef<RowLoop> loops = stages->getLoops();
  ASSERT_EQ(loops.size(), 3u);
  EXPECT_EQ(loops[0].reductions.size(), 2u);
  EXPECT_EQ(loops[1].buffers.size(), 1u);
  EXPECT_EQ(loadsOf(loops[2]), "B");
}

TEST_F(RowStagesTest, NothingIsComputedThatNobodyNeeds) {
  RowwiseOp op = build("residual");
  OpBuilder builder(op.getYield());
  RowBuilder b(builder, op.getLoc());
  b.sum(b.exp(op.getRowArgument(0)));
  FailureOr<RowStages> stages = RowStages::create(op);
  ASSERT_TRUE(succeeded(stages));
  ASSERT_EQ(stages->getLoops().size(), 1u);
  EXPECT_TRUE(stages->getLoops()[0].reductions.empty());
}

TEST_F(RowStagesTest, RefusesOperationsOfOtherKinds) {
  RowwiseOp op = build("residual");
  OpBuilder builder(op.getYield());
  Value x = op.getRowArgument(0);
  arith::RemFOp::create(builder, op.getLoc(), x, x);
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    message = diagnostic.str();
    return success();
  });
  EXPECT_TRUE(failed(RowStages::create(op)));
  EXPECT_EQ(message, "'arith.remf' op is not an operation of row programs");
}

TEST_F(RowStagesTest, InPlace) {
  RowwiseOp adam = build("adam");
  for (unsigned i = 0; i < 3; ++i)
    EXPECT_TRUE(canRowWriteInPlace(adam, i, i));
  EXPECT_FALSE(canRowWriteInPlace(adam, 4, 0)) << "a shared operand";

  // The first norm is stored while x is read, the second after.
  RowwiseOp norms = build("residual_norm_norm");
  EXPECT_TRUE(canRowWriteInPlace(norms, 0, 0));
  EXPECT_TRUE(canRowWriteInPlace(norms, 1, 1));

  RowwiseOp gradient = build("loss_gradient");
  EXPECT_TRUE(canRowWriteInPlace(gradient, 0, 0));
  EXPECT_FALSE(canRowWriteInPlace(gradient, 1, 0)) << "another type";

  RowwiseOp tables = build("tables", 7);
  EXPECT_TRUE(canRowWriteInPlace(tables, 0, 0));
  EXPECT_FALSE(canRowWriteInPlace(tables, 1, 0)) << "other rows read it";

  // rows, rows of the other tensor, initial value of sum 1.
  RowwiseOp sums = build("head_sums");
  EXPECT_TRUE(canRowWriteInPlace(sums, 2, 1));
  EXPECT_FALSE(canRowWriteInPlace(sums, 2, 0));
  EXPECT_FALSE(canRowWriteInPlace(sums, 0, 1));
}

// A result that is stored before a later stage reads the operand again.
TEST_F(RowStagesTest, NotInPlaceWhereTheOperandIsReadAgain) {
  RowProgramSpec spec;
  spec.domain = {8};
  spec.inputs = {{RowInput::Row, {8, 64}, ""}};
  spec.body = [](RowBuilder &b, ArrayRef<Value> a) {
    return RowYields{{b.neg(a[0]), b.mul(b.exp(a[0]), b.sum(a[0]))}, {}};
  };
  RowwiseOp op = buildRowProgram(*module, spec);
  EXPECT_FALSE(canRowWriteInPlace(op, 0, 0));
  EXPECT_TRUE(canRowWriteInPlace(op, 0, 1));
}

TEST_F(RowStagesTest, KeysNameTheKernel) {
  EXPECT_EQ(getRowKey(build("tables", 7)), getRowKey(build("tables", 21)));
  EXPECT_NE(getRowKey(build("tables", 7)), getRowKey(build("tables", 7, 32)));
  EXPECT_NE(getRowKey(build("dyt")), getRowKey(build("derf")));
  RowProgramSpec spec = makeProgram("residual", 8, 64);
  RowwiseOp one = buildRowProgram(*module, spec);
  spec.values = {0.1};
  EXPECT_EQ(getRowKey(one), getRowKey(buildRowProgram(*module, spec)));
  spec.inputs[0].type = "bf16";
  EXPECT_NE(getRowKey(one), getRowKey(buildRowProgram(*module, spec)));
}

TEST_F(RowStagesTest, Launch) {
  Launch small = getRowLaunch(build("residual", 2, 64));
  EXPECT_EQ(small.tasks, (SmallVector<int64_t>{1}));
  Launch large = getRowLaunch(build("residual", 2048, 512));
  EXPECT_GE(large.tasks[0], 16);
  EXPECT_EQ(large.workspaceBytes, 0);
  Launch sums = getRowLaunch(build("rms_backward", 2048, 512));
  ASSERT_EQ(sums.tasks.size(), 2u);
  EXPECT_EQ(sums.sizes, (SmallVector<int64_t>{2048, sums.tasks[0]}));
  EXPECT_EQ(sums.workspaceBytes, sums.tasks[0] * 512 * 4);
  EXPECT_GE(getRowLaunch(build("loss_gradient", 8, 32000)).scratchBytes,
            32000 * 4);
}

} // namespace
