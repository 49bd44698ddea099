//===- Operations.cpp - Executes one operation ----------------------------===//

#include "Operations.h"
#include "mixln/IR/Joined.h"

#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mixln;

FailureOr<SmallVector<int64_t>> mixln::listRows(Operation *op, Rows rows,
                                                int64_t count) {
  if (!rows) {
    SmallVector<int64_t> all(count);
    for (int64_t i = 0; i < count; ++i)
      all[i] = i;
    return all;
  }
  for (int64_t row : *rows)
    if (row < 0 || row >= count)
      return op->emitError() << "row " << row << " is none of " << count;
  return SmallVector<int64_t>(*rows);
}

LogicalResult mixln::expectRank(Operation *op, StringRef what,
                                const Array &array, size_t rank) {
  return expectEqual(op, "rank of " + what, array.shape.size(), rank);
}

LogicalResult mixln::expectEqual(Operation *op, const Twine &what,
                                 int64_t found, int64_t expected) {
  if (found == expected)
    return success();
  return op->emitError() << what << " is " << found << ", expected "
                         << expected;
}

std::string mixln::describeNumber(double number) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%.9g", number);
  return text;
}

static double toDouble(APFloat value) {
  bool losesInfo = false;
  value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven,
                &losesInfo);
  return value.convertToDouble();
}

static double toDouble(const APInt &value) {
  return value.getBitWidth() == 1 ? double(value.getBoolValue())
                                  : double(value.getSExtValue());
}

bool mixln::readElements(Attribute attr, std::vector<double> &values) {
  values.clear();
  if (auto number = dyn_cast<FloatAttr>(attr))
    values.push_back(toDouble(number.getValue()));
  else if (auto integer = dyn_cast<IntegerAttr>(attr))
    values.push_back(toDouble(integer.getValue()));
  else if (auto floats = dyn_cast<DenseFPElementsAttr>(attr))
    for (APFloat value : floats.getValues<APFloat>())
      values.push_back(toDouble(std::move(value)));
  else if (auto integers = dyn_cast<DenseIntElementsAttr>(attr))
    for (const APInt &value : integers.getValues<APInt>())
      values.push_back(toDouble(value));
  return !values.empty();
}

static LogicalResult checkOperands(Operation *op, Operands operands) {
  if (failed(expectEqual(op, "number of operands", operands.size(),
                         op->getNumOperands())))
    return failure();
  for (const Array *operand : operands)
    if (failed(expectEqual(op, "number of elements of an operand",
                           operand->getNumElements(),
                           countElements(operand->shape))))
      return failure();
  return success();
}

/// A result that is bf16 in memory has lost what bf16 cannot hold.
static void roundResults(Operation *op, Results &results,
                         const Execution &execution) {
  for (auto [i, result] : llvm::enumerate(results)) {
    Type type = execution.resultTypes.empty() ? op->getResult(i).getType()
                                              : execution.resultTypes[i];
    if (getElementTypeOrSelf(type).isBF16())
      for (double &value : result.data)
        value = roundToBF16(value);
  }
}

static LogicalResult interpretJoined(JoinedOp op, Operands operands,
                                     const Execution &execution,
                                     Results &results) {
  llvm::DenseMap<Value, const Array *> values;
  for (auto [argument, operand] :
       llvm::zip_equal(op.getBody().getArguments(), operands))
    values[argument] = operand;
  Execution own;
  own.tape = execution.tape;
  auto run = [&](Operation *inner, SmallVectorImpl<Array> &found) {
    SmallVector<const Array *> read;
    for (Value operand : inner->getOperands())
      read.push_back(values.lookup(operand));
    return interpretOperation(inner, read, found, own);
  };
  SmallVector<Array, 1> product;
  if (failed(run(op.getProduct(), product)))
    return failure();
  values[op.getProduct()->getResult(0)] = &product[0];
  if (failed(run(op.getReader(), results)))
    return failure();
  if (op.getKeepsProduct())
    results.insert(results.begin(), product[0]);
  return success();
}

static LogicalResult interpretOne(Operation *op, Operands operands,
                                  Results &results,
                                  const Execution &execution) {
  results.clear();
  if (failed(checkOperands(op, operands)))
    return failure();
  Rows all = std::nullopt;
  return TypeSwitch<Operation *, LogicalResult>(op)
      .Case<RowwiseOp>([&](RowwiseOp op) {
        return interpretRowwise(op, operands, all, execution, results);
      })
      .Case<MatmulOp>([&](MatmulOp op) {
        return interpretMatmul(op, operands, all, execution, results);
      })
      .Case<JoinedOp>([&](JoinedOp op) {
        return interpretJoined(op, operands, execution, results);
      })
      .Case<EmbeddingOp>([&](EmbeddingOp op) {
        return interpretEmbedding(op, operands, all, results);
      })
      .Case<EmbeddingGradOp>([&](EmbeddingGradOp op) {
        return interpretEmbeddingGrad(op, operands, execution, results);
      })
      .Case<AttentionOp>([&](AttentionOp op) {
        return interpretAttention(op, operands, all, results);
      })
      .Case<AttentionStepOp>([&](AttentionStepOp op) {
        return interpretAttentionStep(op, operands, results);
      })
      .Case<AttentionGradOp>([&](AttentionGradOp op) {
        return interpretAttentionGrad(op, operands, results);
      })
      // Gradients are zero where there is no backward.
      .Case<MeasureAtOp>([&](MeasureAtOp op) {
        for (Type type : op.getNumbers().getTypes())
          results.push_back(Array::full(
              llvm::to_vector(cast<RankedTensorType>(type).getShape()), 0));
        return success();
      })
      .Default([&](Operation *op) {
        return interpretUpstream(op, operands, execution, results);
      });
}

LogicalResult mixln::interpretOperation(Operation *op, Operands operands,
                                        Results &results,
                                        const Execution &execution) {
  if (failed(interpretOne(op, operands, results, execution)))
    return failure();
  roundResults(op, results, execution);
  return success();
}

static SmallVector<const Array *> pointersTo(ArrayRef<Array> arrays) {
  SmallVector<const Array *> pointers;
  for (const Array &array : arrays)
    pointers.push_back(&array);
  return pointers;
}

LogicalResult mixln::interpretOperation(Operation *op, ArrayRef<Array> operands,
                                        Results &results,
                                        const Execution &execution) {
  return interpretOperation(op, pointersTo(operands), results, execution);
}

LogicalResult mixln::interpretRows(Operation *op, ArrayRef<Array> operands,
                                   ArrayRef<int64_t> rows, Results &results,
                                   const Execution &execution) {
  results.clear();
  SmallVector<const Array *> pointers = pointersTo(operands);
  if (failed(checkOperands(op, pointers)))
    return failure();
  LogicalResult done =
      TypeSwitch<Operation *, LogicalResult>(op)
          .Case<RowwiseOp>([&](RowwiseOp op) {
            return interpretRowwise(op, pointers, rows, execution, results);
          })
          .Case<MatmulOp>([&](MatmulOp op) {
            return interpretMatmul(op, pointers, rows, execution, results);
          })
          .Case<EmbeddingOp>([&](EmbeddingOp op) {
            return interpretEmbedding(op, pointers, rows, results);
          })
          .Case<AttentionOp>([&](AttentionOp op) {
            return interpretAttention(op, pointers, rows, results);
          })
          .Default([](Operation *op) {
            return op->emitError()
                   << "the interpreter cannot execute single rows "
                      "of '"
                   << op->getName() << "'";
          });
  if (succeeded(done))
    roundResults(op, results, execution);
  return done;
}
