//===- RandomEntry.cpp - Modules with random entries ----------------------===//

#include "RandomEntry.h"

#include "mixln/IR/RowBuilders.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <random>

using namespace mlir;
using namespace mixln;

void test::loadDialects(MLIRContext &context) {
  context.loadDialect<MixlnDialect, arith::ArithDialect, math::MathDialect,
                      tensor::TensorDialect, vector::VectorDialect>();
}

namespace {
class Generator {
public:
  Generator(ModuleOp module, unsigned seed)
      : module(module), builder(module.getContext()), random(seed) {}

  void addVariables();
  void addEntry(StringRef name, unsigned numOps);

private:
  unsigned below(unsigned n) {
    return std::uniform_int_distribution<unsigned>(0, n - 1)(random);
  }
  RankedTensorType f32(ArrayRef<int64_t> shape) {
    return RankedTensorType::get(shape, builder.getF32Type());
  }
  /// A value of `type`, recent ones more often; loaded where there is none.
  Value pick(RankedTensorType type);
  Value load(RankedTensorType type);
  void addRowwise();
  void addMatmul();
  void addReshape();
  void addSlice();
  void addConcat();
  void addStore();
  void keepUnused();
  void remember(Value value) { values.push_back(value); }
  RankedTensorType randomMatrix() {
    return f32({rows[below(3)], widths[below(2)]});
  }

  static constexpr int64_t rows[] = {16, 32, 64};
  static constexpr int64_t widths[] = {16, 32};
  ModuleOp module;
  OpBuilder builder;
  std::mt19937 random;
  SmallVector<VariableOp> variables;
  SmallVector<Value> values;
};
} // namespace

void Generator::addVariables() {
  builder.setInsertionPointToEnd(module.getBody());
  auto add = [&](RankedTensorType type) {
    auto name = "v" + std::to_string(variables.size());
    variables.push_back(VariableOp::create(
        builder, builder.getUnknownLoc(), name, type,
        variables.size() % 3 == 2 ? Role::Output : Role::Parameter, InitAttr(),
        FlatSymbolRefAttr(), StringAttr(), FloatAttr(), BoolAttr()));
  };
  for (int64_t r : rows)
    for (int64_t w : widths) {
      add(f32({r, w}));
      add(f32({r, w}));
    }
  for (int64_t w : widths) {
    add(f32({w}));
    add(f32({w}));
  }
}

Value Generator::load(RankedTensorType type) {
  SmallVector<VariableOp> fitting;
  for (VariableOp variable : variables)
    if (variable.getType() == type)
      fitting.push_back(variable);
  VariableOp variable = fitting[below(fitting.size())];
  Value value = LoadOp::create(builder, builder.getUnknownLoc(), type,
                               variable.getSymName());
  remember(value);
  return value;
}

Value Generator::pick(RankedTensorType type) {
  SmallVector<Value> fitting;
  for (Value value : values)
    if (value.getType() == type)
      fitting.push_back(value);
  if (fitting.empty() || below(8) == 0)
    return load(type);
  unsigned last = std::min<unsigned>(fitting.size(), below(3) ? 3 : 100);
  return fitting[fitting.size() - 1 - below(last)];
}

void Generator::addRowwise() {
  RankedTensorType type = randomMatrix();
  int64_t width = type.getDimSize(1);
  RankedTensorType vector = f32({width});
  SmallVector<Value> operands, shared, into;
  for (unsigned i = 0, n = 1 + below(3); i < n; ++i)
    operands.push_back(pick(type));
  if (below(3) == 0)
    shared.push_back(pick(vector));
  bool hasSum = below(3) == 0;
  SmallVector<int64_t> intoSums;
  if (hasSum && below(2)) {
    into.push_back(pick(vector));
    intoSums.push_back(0);
  }
  unsigned numResults = hasSum ? below(3) : 1 + below(2);
  Type row = VectorType::get(width, builder.getF32Type());
  Location loc = builder.getUnknownLoc();
  auto op = RowwiseOp::create(
      builder, loc, type.getShape().take_front(1), operands,
      ArrayRef<AffineMap>{}, shared, ArrayRef<double>{0.25},
      SmallVector<Type>(numResults, row), SmallVector<Type>(hasSum, row),
      ArrayRef<AffineMap>{}, into, intoSums);
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToEnd(op.getBodyBlock());
    RowBuilder build(builder, loc);
    Value total = build.mul(op.getRowArgument(0), op.getValueArgument(0));
    for (unsigned i = 1; i < operands.size(); ++i)
      total = build.sub(total, op.getRowArgument(i));
    for (unsigned i = 0; i < shared.size(); ++i)
      total = build.add(total, op.getSharedArgument(i));
    SmallVector<Value> results;
    Value last = build.tanh(total);
    for (unsigned i = 0; i < numResults; ++i) {
      results.push_back(last);
      last = build.mul(last, total);
    }
    SmallVector<Value> sums(hasSum, last);
    YieldOp::create(builder, loc, results, sums);
  }
  for (Value result : op->getResults())
    remember(result);
}

void Generator::addMatmul() {
  int64_t m = widths[below(2)], n = widths[below(2)], k = widths[below(2)];
  bool transposeLhs = below(2);
  if (!transposeLhs)
    m = rows[below(3)];
  Value lhs = pick(transposeLhs ? f32({k, m}) : f32({m, k}));
  Value rhs = pick(f32({k, n}));
  SmallVector<Value> into;
  if (below(2))
    into.push_back(pick(f32({m, n})));
  auto op =
      MatmulOp::create(builder, builder.getUnknownLoc(), TypeRange{f32({m, n})},
                       lhs, rhs, into, transposeLhs, false, false);
  remember(op->getResult(0));
}

void Generator::addReshape() {
  RankedTensorType type = randomMatrix();
  Value value = pick(type);
  Location loc = builder.getUnknownLoc();
  RankedTensorType split = f32({type.getDimSize(0), 2, type.getDimSize(1) / 2});
  SmallVector<ReassociationIndices> groups = {{0}, {1, 2}};
  Value expanded =
      tensor::ExpandShapeOp::create(builder, loc, split, value, groups);
  Type row = VectorType::get(split.getDimSize(2), builder.getF32Type());
  auto op =
      RowwiseOp::create(builder, loc, split.getShape().take_front(2), expanded,
                        ArrayRef<AffineMap>{}, ValueRange{}, ArrayRef<double>{},
                        TypeRange{row}, TypeRange{}, ArrayRef<AffineMap>{});
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToEnd(op.getBodyBlock());
    RowBuilder build(builder, loc);
    Value mean = build.mean(op.getRowArgument(0));
    YieldOp::create(builder, loc, build.sub(op.getRowArgument(0), mean),
                    ValueRange{});
  }
  remember(
      tensor::CollapseShapeOp::create(builder, loc, op->getResult(0), groups));
}

void Generator::addSlice() {
  RankedTensorType type = f32({rows[1 + below(2)], widths[below(2)]});
  int64_t half = type.getDimSize(0) / 2;
  Value source = pick(type);
  auto attr = [&](int64_t n) -> OpFoldResult {
    return builder.getIndexAttr(n);
  };
  remember(tensor::ExtractSliceOp::create(
      builder, builder.getUnknownLoc(), source,
      ArrayRef<OpFoldResult>{attr(below(2) * half), attr(0)},
      ArrayRef<OpFoldResult>{attr(half), attr(type.getDimSize(1))},
      ArrayRef<OpFoldResult>{attr(1), attr(1)}));
}

void Generator::addConcat() {
  RankedTensorType half = f32({rows[below(2)], widths[below(2)]});
  SmallVector<Value> parts = {pick(half), pick(half)};
  remember(
      tensor::ConcatOp::create(builder, builder.getUnknownLoc(), 0, parts));
}

void Generator::addStore() {
  VariableOp variable = variables[below(variables.size())];
  Value value = pick(cast<RankedTensorType>(variable.getType()));
  StoreOp::create(builder, builder.getUnknownLoc(), value,
                  variable.getSymName());
}

void Generator::keepUnused() {
  for (VariableOp variable : variables) {
    auto type = cast<RankedTensorType>(variable.getType());
    SmallVector<Value> unused;
    for (Value value : values)
      if (value.getType() == type && value.use_empty() && below(8))
        unused.push_back(value);
    if (unused.empty() || type.getRank() != 2)
      continue;
    Location loc = builder.getUnknownLoc();
    Type row = VectorType::get(type.getDimSize(1), builder.getF32Type());
    auto op = RowwiseOp::create(builder, loc, type.getShape().take_front(1),
                                unused, ArrayRef<AffineMap>{}, ValueRange{},
                                ArrayRef<double>{}, TypeRange{row}, TypeRange{},
                                ArrayRef<AffineMap>{});
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToEnd(op.getBodyBlock());
    RowBuilder build(builder, loc);
    Value total = op.getRowArgument(0);
    for (unsigned i = 1; i < unused.size(); ++i)
      total = build.add(total, op.getRowArgument(i));
    YieldOp::create(builder, loc, build.tanh(total), ValueRange{});
    builder.setInsertionPointAfter(op);
    StoreOp::create(builder, loc, op->getResult(0), variable.getSymName());
  }
}

void Generator::addEntry(StringRef name, unsigned numOps) {
  builder.setInsertionPointToEnd(module.getBody());
  auto entry = EntryOp::create(builder, builder.getUnknownLoc(), name);
  builder.setInsertionPointToEnd(&entry.getBody().emplaceBlock());
  values.clear();
  for (unsigned i = 0; i < numOps; ++i) {
    unsigned choice = below(20);
    if (choice < 9)
      addRowwise();
    else if (choice < 13)
      addMatmul();
    else if (choice < 14)
      addReshape();
    else if (choice < 16)
      addSlice();
    else if (choice < 18)
      addConcat();
    else
      addStore();
  }
  // What nothing reads would vanish: most of it goes into sums that are stored.
  keepUnused();
}

OwningOpRef<ModuleOp> test::makeRandomModule(MLIRContext &context,
                                             unsigned seed, unsigned numEntries,
                                             unsigned numOps) {
  OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(&context));
  Generator generator(*module, seed);
  generator.addVariables();
  for (unsigned i = 0; i < numEntries; ++i)
    generator.addEntry("e" + std::to_string(i), numOps);
  return module;
}
