//===- RowHarness.cpp - Runs row programs as kernels ----------------------===//

#include "RowHarness.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace mixln;
using namespace mixln::test;

/// What lies behind every buffer.
static constexpr float kGuard = -12345.0f;

RowwiseOp mixln::test::buildRowProgram(ModuleOp module,
                                       const RowProgramSpec &spec) {
  MLIRContext *context = module.getContext();
  context->loadDialect<MixlnDialect, arith::ArithDialect, math::MathDialect,
                       tensor::TensorDialect, vector::VectorDialect>();
  OpBuilder builder(context);
  builder.setInsertionPointToEnd(module.getBody());
  Location loc = builder.getUnknownLoc();
  auto typeOf = [&](const std::string &name) {
    return parseType(name, context);
  };
  auto mapOf = [&](const std::string &text) {
    return cast<AffineMapAttr>(
               parseAttribute("affine_map<" + text + ">", context))
        .getValue();
  };
  unsigned rank = spec.domain.size();
  SmallVector<Value> rows, shared, into;
  SmallVector<AffineMap> rowMaps;
  SmallVector<int64_t> intoSums;
  for (const RowInput &input : spec.inputs) {
    Value value =
        tensor::EmptyOp::create(builder, loc, input.shape, typeOf(input.type));
    switch (input.kind) {
    case RowInput::Row:
      rows.push_back(value);
      rowMaps.push_back(input.map.empty()
                            ? RowwiseOp::identityMap(context, rank)
                            : mapOf(input.map));
      break;
    case RowInput::Shared:
      shared.push_back(value);
      break;
    case RowInput::Into:
      into.push_back(value);
      intoSums.push_back(input.sum);
      break;
    }
  }

  // The types of the results are known once the body is built; so the body is
  // built twice, the first time in an operation that is thrown away.
  RowwiseOp op;
  SmallVector<Type> rowTypes, sumTypes;
  SmallVector<AffineMap> sumMaps;
  for (bool last : {false, true}) {
    op = RowwiseOp::create(builder, loc, spec.domain, rows, rowMaps, shared,
                           spec.values, rowTypes, sumTypes, sumMaps,
                           last ? ValueRange(into) : ValueRange(),
                           last ? ArrayRef(intoSums) : ArrayRef<int64_t>());
    OpBuilder inner = OpBuilder::atBlockEnd(op.getBodyBlock());
    RowBuilder b(inner, loc);
    RowYields yields = spec.body(
        b, llvm::to_vector_of<Value>(op.getBodyBlock()->getArguments()));
    YieldOp::create(inner, loc, yields.rows, yields.sums);
    if (last)
      break;
    rowTypes = llvm::to_vector(ValueRange(yields.rows).getTypes());
    sumTypes = llvm::to_vector(ValueRange(yields.sums).getTypes());
    for (unsigned i = 0; i < sumTypes.size(); ++i)
      sumMaps.push_back(i < spec.sumMaps.size() && !spec.sumMaps[i].empty()
                            ? mapOf(spec.sumMaps[i])
                            : RowwiseOp::sumAllMap(context, rank));
    op.erase();
  }
  for (OpResult result : op.getRowResults())
    result.setType(cast<RankedTensorType>(result.getType())
                       .clone(typeOf(spec.resultType)));
  for (OpResult result : op.getSumResults())
    result.setType(
        cast<RankedTensorType>(result.getType()).clone(typeOf(spec.sumType)));
  return op;
}

static float draw(Fill fill, std::mt19937 &random) {
  switch (fill) {
  case Fill::Signed:
    return std::uniform_real_distribution<float>(-1, 1)(random);
  case Fill::Positive:
    return std::uniform_real_distribution<float>(0.1f, 2)(random);
  case Fill::Large:
    return std::normal_distribution<float>(0, 5)(random);
  case Fill::Column:
    break;
  }
  return 0;
}

RowOperands mixln::test::makeOperands(const RowProgramSpec &spec, RowwiseOp op,
                                      std::mt19937 &random) {
  RowOperands operands;
  // Rows, shared, into: the order of the operation's operands.
  for (RowInput::Kind kind :
       {RowInput::Row, RowInput::Shared, RowInput::Into}) {
    for (const RowInput &input : spec.inputs) {
      if (input.kind != kind)
        continue;
      int64_t count = countElements(input.shape);
      Array array = Array::full(input.shape, 0);
      Buffer memory(count);
      for (int64_t i = 0; i < count; ++i) {
        if (input.fill == Fill::Column) {
          // Columns of a row of 40 or so, and some that do not count.
          int32_t column = random() % 5 == 0 ? -100 : random() % 40;
          reinterpret_cast<int32_t *>(memory.get())[i] = column;
          array.data[i] = column;
        } else if (input.type == "bf16") {
          auto value =
              static_cast<float>(roundToBF16(draw(input.fill, random)));
          uint32_t bits;
          std::memcpy(&bits, &value, 4);
          reinterpret_cast<uint16_t *>(memory.get())[i] = bits >> 16;
          array.data[i] = value;
        } else {
          array.data[i] = memory[i] = draw(input.fill, random);
        }
      }
      operands.memory.push_back(std::move(memory));
      operands.arrays.push_back(std::move(array));
    }
  }
  return operands;
}

std::vector<Array> mixln::test::interpret(RowwiseOp op,
                                          const RowOperands &operands) {
  SmallVector<Array> results;
  EXPECT_TRUE(succeeded(
      interpretOperation(op, ArrayRef<Array>(operands.arrays), results)));
  return std::vector<Array>(std::make_move_iterator(results.begin()),
                            std::make_move_iterator(results.end()));
}

static Buffer guarded(int64_t elements) {
  Buffer buffer(elements + 16);
  buffer.fill(std::nanf(""));
  for (int64_t i = 0; i < 16; ++i)
    buffer[elements + i] = kGuard;
  return buffer;
}

static bool guardIntact(const Buffer &buffer) {
  for (int64_t i = 0; i < 16; ++i)
    if (buffer[buffer.size() - 16 + i] != kGuard)
      return false;
  return true;
}

double mixln::test::runAndCompare(Kernels &kernels, const std::string &symbol,
                                  RowwiseOp op, const RowOperands &operands,
                                  const std::vector<Array> &expected,
                                  RowRun run) {
  auto bytesOf = [](Type type) {
    auto tensor = cast<RankedTensorType>(type);
    return tensor.getNumElements() * tensor.getElementTypeBitWidth() / 8;
  };
  Launch launch = getRowLaunch(op);
  if (run.tasks > 0) {
    launch.workspaceBytes = launch.workspaceBytes / launch.tasks[0] * run.tasks;
    launch.tasks[0] = launch.sizes[1] = run.tasks;
    if (launch.tasks.size() > 1)
      launch.tasks[1] = run.tasks;
  }

  std::vector<Buffer> memory;
  std::vector<void *> pointers;
  for (auto [i, operand] : llvm::enumerate(op->getOperands())) {
    Buffer copy = guarded(llvm::divideCeil(bytesOf(operand.getType()), 4));
    std::memcpy(copy.get(), operands.memory[i].get(),
                bytesOf(operand.getType()));
    pointers.push_back(copy.get());
    memory.push_back(std::move(copy));
  }
  std::set<unsigned> taken;
  for (auto [i, result] : llvm::enumerate(op->getResults())) {
    std::optional<unsigned> over;
    for (unsigned j = 0; run.inPlace && j < op->getNumOperands() && !over; ++j)
      if (!taken.count(j) && canRowWriteInPlace(op, j, i))
        over = j;
    if (over) {
      taken.insert(*over);
      pointers.push_back(pointers[*over]);
      continue;
    }
    memory.push_back(guarded(llvm::divideCeil(bytesOf(result.getType()), 4)));
    pointers.push_back(memory.back().get());
  }
  Buffer workspace = guarded(launch.workspaceBytes / 4);
  if (launch.workspaceBytes > 0)
    pointers.push_back(workspace.get());
  Buffer scratch = guarded(launch.scratchBytes / 4);
  std::vector<float> values(op.getValues().begin(), op.getValues().end());

  for (auto [phase, tasks] : llvm::enumerate(launch.tasks)) {
    rt::KernelFunction function =
        kernels.get(symbol + (phase == 0 ? "" : "_sums"));
    for (int64_t task = tasks - 1; task >= 0; --task)
      function(pointers.data(), launch.sizes.data(), values.data(), task, tasks,
               reinterpret_cast<char *>(scratch.get()));
  }

  EXPECT_TRUE(guardIntact(workspace)) << symbol << ": behind the workspace";
  EXPECT_TRUE(guardIntact(scratch)) << symbol << ": behind the scratch memory";
  for (const Buffer &buffer : memory)
    EXPECT_TRUE(guardIntact(buffer)) << symbol << ": behind a tensor";

  double worst = 0;
  for (auto [i, result] : llvm::enumerate(op->getResults())) {
    auto type = cast<RankedTensorType>(result.getType());
    Array found = Array::full(type.getShape(), 0);
    void *data = pointers[op->getNumOperands() + i];
    for (int64_t j = 0; j < type.getNumElements(); ++j) {
      if (type.getElementType().isF32()) {
        found.data[j] = static_cast<float *>(data)[j];
        continue;
      }
      uint32_t bits = static_cast<uint16_t *>(data)[j] << 16;
      float value;
      std::memcpy(&value, &bits, 4);
      found.data[j] = value;
    }
    double error = relativeError(found, expected[i]);
    double norm = 0;
    for (double value : expected[i].data)
      norm += value * value;
    // relativeError takes the norm 0 for 1.
    double least = run.leastSize * std::sqrt(type.getNumElements());
    norm = norm > 0 ? std::sqrt(norm) : 1;
    if (norm < least)
      error *= norm / least;
    if (!(error <= worst))
      worst = error;
  }
  return worst;
}
