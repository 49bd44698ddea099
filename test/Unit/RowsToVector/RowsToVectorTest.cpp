//===- RowsToVectorTest.cpp - Row kernels against the interpreter ---------===//
//
// Kernels compute in f32, the interpreter in double. A result is a chain of a
// dozen or so rounded operations (6e-8 each) and of functions good to 1e-6, and
// errors of different elements do not add up in a relative L2 norm: 1e-5 holds
// for well-conditioned programs of any width, and any mistake is far above it.
//
//===----------------------------------------------------------------------===//

#include "RowPrograms.h"
#include "Targets.h"

using namespace mlir;
using namespace mixln;
using namespace mixln::test;

namespace {

constexpr double kTolerance = 1e-5;
/// bf16 has 8 bits.
constexpr double kNarrowTolerance = 4e-3;

class RowsToVectorTest
    : public ::testing::TestWithParam<std::tuple<NamedProgram, const char *>> {
};

TEST_P(RowsToVectorTest, AgreesWithTheInterpreter) {
  auto [program, cpu] = GetParam();
  auto target = TargetInfo::create(cpu);
  if (!target)
    GTEST_SKIP() << llvm::toString(target.takeError());

  Kernels kernels(*target);
  OwningOpRef<ModuleOp> module =
      ModuleOp::create(kernels.getBuilder().getLoc());
  const int64_t widths[] = {1, 5, 16, 18, 33, 48, 64, 131, 512, 1368};
  const int64_t rowCounts[] = {1, 3, 13, 32};
  struct Case {
    std::string symbol;
    RowProgramSpec spec;
    RowwiseOp op;
  };
  std::vector<Case> cases;
  auto add = [&](int64_t rows, int64_t width, bool emit) {
    RowProgramSpec spec = program.make(rows, width);
    RowwiseOp op = buildRowProgram(*module, spec);
    ASSERT_TRUE(succeeded(op.verify()));
    std::string symbol = "k" + std::to_string(width);
    if (emit) {
      SmallVector<std::string> phases;
      ASSERT_TRUE(
          succeeded(emitRowKernel(op, symbol, kernels.getBuilder(), phases)));
    } else {
      // One kernel serves all numbers of rows.
      EXPECT_EQ(getRowKey(cases.back().op), getRowKey(op));
    }
    cases.push_back({symbol, spec, op});
  };
  for (int64_t width : widths)
    for (int64_t rows : rowCounts)
      add(rows, width, rows == rowCounts[0]);
  for (int64_t rows : {1, 13})
    add(rows, 32000, rows == 1);
  cases.reserve(cases.size() + 1);
  RowProgramSpec many = program.make(2048, 48);
  cases.push_back({"k48", many, buildRowProgram(*module, many)});
  kernels.compile();

  std::mt19937 random(11);
  double worst = 0;
  for (Case &c : cases) {
    RowOperands operands = makeOperands(c.spec, c.op, random);
    std::vector<Array> expected = interpret(c.op, operands);
    double tolerance = c.spec.resultType == "bf16" || c.spec.sumType == "bf16"
                           ? kNarrowTolerance
                           : kTolerance;
    for (RowRun run : {RowRun{0, false}, RowRun{0, true}, RowRun{3, true},
                       RowRun{5, false}}) {
      double error =
          runAndCompare(kernels, c.symbol, c.op, operands, expected, run);
      worst = std::max(worst, error);
      EXPECT_LE(error, tolerance)
          << c.symbol << ", rows " << c.spec.domain[0] << ", tasks "
          << run.tasks << (run.inPlace ? ", in place" : "");
    }
  }
  std::printf("%s: %.1e\n", program.name, worst);
}

INSTANTIATE_TEST_SUITE_P(
    , RowsToVectorTest,
    ::testing::Combine(::testing::ValuesIn(rowPrograms().begin(),
                                           rowPrograms().end()),
                       targetNames()),
    [](const auto &info) {
      return std::string(std::get<0>(info.param).name) +
             (std::string(std::get<1>(info.param)) == "native" ? "_native"
                                                               : "_avx2");
    });

} // namespace
