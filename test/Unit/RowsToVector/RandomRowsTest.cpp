//===- RandomRowsTest.cpp - Random row programs as kernels ----------------===//
//
// Programs drawn from the operations that bodies may hold, so that stages,
// buffers, recomputation and stores meet in orders nobody thought of. The
// operations are chosen such that values and slopes stay near one; conditions
// compare operands only, because a rounded number may fall on the other side.
//
//===----------------------------------------------------------------------===//

#include "RowHarness.h"
#include "Targets.h"

using namespace mlir;
using namespace mixln;
using namespace mixln::test;

namespace {

constexpr int kPrograms = 60;
/// Chains are long, and means of values of both signs cancel.
constexpr double kTolerance = 5e-5;
constexpr double kLeast = 0.05;

class BodyMaker {
public:
  BodyMaker(RowBuilder &b, int64_t width, unsigned seed)
      : b(b), width(width), random(seed) {}

  RowYields make(ArrayRef<Value> arguments) {
    SmallVector<Value> values;
    for (Value argument : arguments)
      if (!argument.getType().isInteger())
        values.push_back(argument);
      else
        target = argument;
    operands = values;
    int64_t count = 5 + random() % 25;
    for (int64_t i = 0; i < count; ++i)
      values.push_back(next(values));

    RowYields yields;
    // The last values depend on the most.
    auto late = [&] {
      return values[values.size() - 1 - random() % (values.size() / 2)];
    };
    for (unsigned i = random() % 3 + 1; i > 0; --i)
      yields.rows.push_back(late());
    for (unsigned i = random() % 3; i > 0; --i)
      yields.sums.push_back(b.abs(late()));
    return yields;
  }

private:
  Value next(ArrayRef<Value> values) {
    auto any = [&] { return values[random() % values.size()]; };
    auto recent = [&] {
      return values[values.size() - 1 -
                    random() % std::min<size_t>(values.size(), 5)];
    };
    Value a = recent(), c = any();
    auto half = [&] { return b.constant(0.5); };
    switch (random() % 17) {
    case 0:
      return b.add(a, c);
    case 1:
      return b.sub(a, b.mul(c, half()));
    case 2:
      return b.mul(b.tanh(a), c);
    case 3:
      return b.max(a, c);
    case 4:
      return b.min(a, c);
    case 5:
      return b.exp(b.tanh(a));
    case 6:
      return b.log(b.add(b.abs(a), half()));
    case 7:
      return b.sqrt(b.add(b.abs(a), half()));
    case 8:
      return b.rsqrt(b.add(b.mul(a, a), half()));
    case 9:
      return b.div(b.tanh(c), b.add(b.abs(a), half()));
    case 10:
      return b.erf(a);
    case 11:
    case 12:
      return b.mean(a);
    case 13:
      return b.maxOf(a);
    case 14:
      return b.select(b.greater(operand(), operand()), a, c);
    case 15:
      return b.select(b.isColumn(target, width), b.neg(a), c);
    default:
      return b.stopGradient(b.sub(a, b.mean(a)));
    }
  }
  Value operand() { return operands[random() % operands.size()]; }

  RowBuilder &b;
  int64_t width;
  std::mt19937 random;
  SmallVector<Value> operands;
  Value target;
};

RowProgramSpec randomProgram(unsigned seed, int64_t rows) {
  std::mt19937 random(seed);
  const int64_t widths[] = {2, 7, 16, 40, 64, 67, 80, 131, 200, 512};
  int64_t width = widths[random() % std::size(widths)];
  bool heads = random() % 4 == 0;
  RowProgramSpec spec;
  spec.domain = {rows};
  if (heads)
    spec.domain.push_back(2);
  auto rowShape = [&](bool row) {
    std::vector<int64_t> shape = spec.domain;
    if (row)
      shape.push_back(width);
    return shape;
  };
  for (unsigned i = random() % 3 + 1; i > 0; --i)
    spec.inputs.push_back({RowInput::Row, rowShape(true), ""});
  if (random() % 2)
    spec.inputs.push_back({RowInput::Row, rowShape(false), ""});
  spec.inputs.push_back(
      {RowInput::Row, rowShape(false), "", Fill::Column, "i32"});
  for (unsigned i = random() % 3; i > 0; --i)
    spec.inputs.push_back({RowInput::Shared, {width}, ""});
  if (random() % 2)
    spec.inputs.push_back({RowInput::Shared, {1}, ""});
  if (random() % 2)
    spec.values.push_back(0.625);
  unsigned bodySeed = random();
  if (heads && random() % 2)
    spec.sumMaps = {"(r, h) -> (h)", "", "(r, h) -> (h)"};
  spec.body = [=](RowBuilder &b, ArrayRef<Value> arguments) {
    return BodyMaker(b, width, bodySeed).make(arguments);
  };
  return spec;
}

class RandomRowsTest : public ForEachTarget {};

TEST_P(RandomRowsTest, AgreeWithTheInterpreter) {
  struct Case {
    RowProgramSpec spec;
    RowwiseOp op;
  };
  std::vector<Case> cases;
  OwningOpRef<ModuleOp> module;
  Kernels &kernels = load([&](KernelBuilder &b) {
    module = ModuleOp::create(b.getLoc());
    for (int seed = 0; seed < kPrograms; ++seed) {
      RowProgramSpec spec = randomProgram(seed, seed % 11 + 1);
      RowwiseOp op = buildRowProgram(*module, spec);
      ASSERT_TRUE(succeeded(op.verify()));
      SmallVector<std::string> phases;
      ASSERT_TRUE(
          succeeded(emitRowKernel(op, "p" + std::to_string(seed), b, phases)));
      cases.push_back({spec, op});
    }
  });
  std::mt19937 random(5);
  double worst = 0;
  for (auto [i, c] : llvm::enumerate(cases)) {
    RowOperands operands = makeOperands(c.spec, c.op, random);
    std::vector<Array> expected = interpret(c.op, operands);
    for (RowRun run : {RowRun{0, false, kLeast}, RowRun{2, true, kLeast},
                       RowRun{1, true, kLeast}}) {
      double error = runAndCompare(kernels, "p" + std::to_string(i), c.op,
                                   operands, expected, run);
      worst = std::max(worst, error);
      if (!(error <= kTolerance)) {
        c.op.dump();
        FAIL() << "program " << i << ": " << error
               << (run.inPlace ? ", in place" : "");
      }
    }
  }
  std::printf("worst of %d: %.1e\n", kPrograms, worst);
}

INSTANTIATE_TEST_SUITE_P(Targets, RandomRowsTest, targetNames(),
                         targetTestName);

} // namespace
