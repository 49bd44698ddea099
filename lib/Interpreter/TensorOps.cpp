//===- TensorOps.cpp - Products, tables and reshapes ----------------------===//

#include "Operations.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/TypeUtilities.h"

#include <algorithm>

using namespace mlir;
using namespace mixln;

//===----------------------------------------------------------------------===//
// Matmul
//===----------------------------------------------------------------------===//

namespace {
/// A matrix read as it stands or transposed.
struct Matrix {
  const Array &array;
  bool transposed;
  /// Elements are rounded to bf16.
  bool narrow = false;

  int64_t rows() const { return array.shape[transposed ? 1 : 0]; }
  int64_t columns() const { return array.shape[transposed ? 0 : 1]; }
  double at(int64_t i, int64_t j) const {
    double value = transposed ? array.data[j * array.shape[1] + i]
                              : array.data[i * array.shape[1] + j];
    return narrow ? roundToBF16(value) : value;
  }
};
} // namespace

/// result[i] += row list[i] of a * b.
static LogicalResult addProduct(MatmulOp op, const Matrix &a, const Matrix &b,
                                ArrayRef<int64_t> list, Array &result) {
  if (failed(expectEqual(op, "length of the right side's inner dimension",
                         b.rows(), a.columns())) ||
      failed(expectEqual(op, "number of columns of a product", b.columns(),
                         result.shape[1])))
    return failure();
  for (auto [position, i] : llvm::enumerate(list)) {
    double *out = result.data.data() + position * b.columns();
    for (int64_t j = 0; j < b.columns(); ++j) {
      double total = 0;
      for (int64_t k = 0; k < a.columns(); ++k)
        total += a.at(i, k) * b.at(k, j);
      out[j] += total;
    }
  }
  return success();
}

/// Whether `op` reads its right side transposed: a packed one knows itself.
static bool readsTransposed(MatmulOp op, const Execution &execution) {
  unsigned first = op.getLhs().size();
  if (execution.operandTypes.size() > first)
    if (auto packed = dyn_cast_or_null<PackedAttr>(
            cast<RankedTensorType>(execution.operandTypes[first])
                .getEncoding()))
      return packed.getTransposed();
  return op.getTransposeRhs();
}

/// Which sides of `op` must be rounded: those of f32 where one is bf16.
static std::pair<bool, bool> roundedSides(MatmulOp op,
                                          const Execution &execution) {
  unsigned lhs = op.getLhs().size(), rhs = op.getRhs().size();
  auto isNarrow = [&](unsigned first, unsigned count) {
    for (unsigned i = first; i < first + count; ++i) {
      Type type = execution.operandTypes.size() > i
                      ? execution.operandTypes[i]
                      : op->getOperand(i).getType();
      if (getElementTypeOrSelf(type).isBF16())
        return true;
    }
    return false;
  };
  bool left = isNarrow(0, lhs), right = isNarrow(lhs, rhs);
  return {right && !left, left && !right};
}

LogicalResult mixln::interpretMatmul(MatmulOp op, Operands operands, Rows rows,
                                     const Execution &execution,
                                     Results &results) {
  for (const Array *operand : operands)
    if (failed(expectRank(op, "a matrix", *operand, 2)))
      return failure();
  Operands lhs = operands.take_front(op.getLhs().size());
  Operands rhs = operands.slice(lhs.size(), op.getRhs().size());
  Operands into = operands.drop_front(lhs.size() + rhs.size());
  int64_t m = Matrix{*lhs[0], op.getTransposeLhs()}.rows();
  bool transposeRhs = readsTransposed(op, execution);
  auto [roundLhs, roundRhs] = roundedSides(op, execution);
  FailureOr<SmallVector<int64_t>> list = listRows(op, rows, m);
  if (failed(list))
    return failure();

  for (unsigned product = 0; product < op.getNumProducts(); ++product) {
    Matrix a{*lhs[lhs.size() == 1 ? 0 : product], op.getTransposeLhs(),
             roundLhs};
    Matrix b{*rhs[rhs.size() == 1 ? 0 : product], transposeRhs, roundRhs};
    if (failed(expectEqual(op, "number of rows of a product", a.rows(), m)))
      return failure();
    if (product == 0 || !op.getReduce()) {
      int64_t n = b.columns(), count = list->size();
      Array &result = results.emplace_back(Array::full({count, n}, 0));
      if (!into.empty()) {
        const Array &start = *into[product];
        if (failed(expectEqual(op, "number of rows that are added into",
                               start.shape[0], m)) ||
            failed(expectEqual(op, "number of columns that are added into",
                               start.shape[1], n)))
          return failure();
        for (auto [position, i] : llvm::enumerate(*list))
          std::copy_n(start.data.begin() + i * n, n,
                      result.data.begin() + position * n);
      }
    }
    if (failed(addProduct(op, a, b, *list, results.back())))
      return failure();
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Embedding
//===----------------------------------------------------------------------===//

/// Whether `index` is an integer in [0, count).
static bool isIndex(double index, int64_t count) {
  return index >= 0 && index < static_cast<double>(count) &&
         index == static_cast<double>(static_cast<int64_t>(index));
}

LogicalResult mixln::interpretEmbedding(EmbeddingOp op, Operands operands,
                                        Rows rows, Results &results) {
  const Array &table = *operands[0], &ids = *operands[1];
  if (failed(expectRank(op, "table", table, 2)))
    return failure();
  int64_t width = table.shape[1];
  FailureOr<SmallVector<int64_t>> list =
      listRows(op, rows, ids.getNumElements());
  if (failed(list))
    return failure();
  int64_t count = list->size();
  Array &result = results.emplace_back(Array::undefined({count, width}));
  for (auto [position, r] : llvm::enumerate(*list)) {
    double id = ids.data[r];
    if (!isIndex(id, table.shape[0]))
      return op.emitError() << "id " << describeNumber(id) << " at row " << r
                            << " is no row of a table of " << table.shape[0];
    std::copy_n(table.data.begin() + int64_t(id) * width, width,
                result.data.begin() + position * width);
  }
  return success();
}

LogicalResult mixln::interpretEmbeddingGrad(EmbeddingGradOp op,
                                            Operands operands,
                                            const Execution &execution,
                                            Results &results) {
  const Array &dy = *operands[0], &ids = *operands[1], &order = *operands[2],
              &starts = *operands[3];
  if (failed(expectRank(op, "dy", dy, 2)))
    return failure();
  int64_t rows = dy.shape[0], width = dy.shape[1];
  if (failed(expectEqual(op, "number of ids", ids.getNumElements(), rows)) ||
      failed(expectEqual(op, "length of the order", order.getNumElements(),
                         rows)) ||
      failed(expectEqual(op, "number of segment starts",
                         starts.getNumElements(), rows + 1)))
    return failure();
  Type type = execution.resultTypes.empty() ? op.getResult().getType()
                                            : execution.resultTypes[0];
  Array result = Array::full(cast<RankedTensorType>(type).getShape(), 0);
  if (operands.size() == 5)
    result.data = operands[4]->data;
  if (failed(expectEqual(op, "number of elements that are added into",
                         result.getNumElements(),
                         countElements(result.shape))) ||
      failed(expectEqual(op, "width of dy", width, result.shape[1])))
    return failure();

  // Walks the runs, as a kernel does, so that a wrong order shows.
  for (int64_t run = 0; run < rows; ++run) {
    double begin = starts.data[run], end = starts.data[run + 1];
    if (!isIndex(begin, rows + 1) || !isIndex(end, rows + 1) || begin > end)
      return op.emitError() << "run " << run << " of the token order is from "
                            << describeNumber(begin) << " to "
                            << describeNumber(end) << " of " << rows;
    for (int64_t i = begin; i < int64_t(end); ++i) {
      if (!isIndex(order.data[i], rows))
        return op.emitError()
               << "position " << describeNumber(order.data[i]) << " at " << i
               << " of the token order is none of " << rows;
      int64_t r = order.data[i];
      double id = ids.data[r];
      if (!isIndex(id, result.shape[0]))
        return op.emitError() << "id " << describeNumber(id) << " at row " << r
                              << " is no row of a table of " << result.shape[0];
      if (id != ids.data[int64_t(order.data[int64_t(begin)])])
        return op.emitError()
               << "run " << run << " of the token order holds two tokens";
      for (int64_t j = 0; j < width; ++j)
        result.data[int64_t(id) * width + j] += dy.data[r * width + j];
    }
  }
  results.push_back(std::move(result));
  return success();
}

//===----------------------------------------------------------------------===//
// Upstream operations
//===----------------------------------------------------------------------===//

/// result[point] = source[offsets + point * strides], or the other way round
/// with `insert`.
static void copyWindow(const Array &source, ArrayRef<int64_t> offsets,
                       ArrayRef<int64_t> strides, Array &result, bool insert) {
  const Array &window = insert ? source : result;
  const Array &whole = insert ? result : source;
  SmallVector<int64_t> point(window.shape.size(), 0);
  for (int64_t i = 0, e = window.getNumElements(); i < e; ++i) {
    int64_t index = 0;
    for (size_t d = 0; d < point.size(); ++d)
      index = index * whole.shape[d] + offsets[d] + point[d] * strides[d];
    if (insert)
      result.data[index] = source.data[i];
    else
      result.data[i] = source.data[index];
    for (size_t d = point.size(); d-- > 0;) {
      if (++point[d] < window.shape[d])
        break;
      point[d] = 0;
    }
  }
}

static LogicalResult interpretSlice(tensor::ExtractSliceOp op,
                                    const Array &source, Results &results) {
  if (!op.hasUnitStride() && ShapedType::isDynamicShape(op.getStaticStrides()))
    return op.emitError("the interpreter needs static strides");
  if (ShapedType::isDynamicShape(op.getStaticOffsets()) ||
      ShapedType::isDynamicShape(op.getStaticSizes()))
    return op.emitError("the interpreter needs static offsets and sizes");
  ArrayRef<int64_t> offsets = op.getStaticOffsets(),
                    sizes = op.getStaticSizes(),
                    strides = op.getStaticStrides();
  if (failed(expectRank(op, "source", source, sizes.size())))
    return failure();
  for (size_t d = 0; d < sizes.size(); ++d)
    if (offsets[d] < 0 ||
        offsets[d] + (sizes[d] - 1) * strides[d] >= source.shape[d])
      return op.emitError() << "slices dimension " << d << " of "
                            << source.shape[d] << " out of bounds";
  Array result = Array::undefined(sizes);
  copyWindow(source, offsets, strides, result, /*insert=*/false);
  // Dropped unit dimensions do not move elements.
  result.shape.assign(op.getType().getShape().begin(),
                      op.getType().getShape().end());
  results.push_back(std::move(result));
  return success();
}

static LogicalResult interpretConcat(tensor::ConcatOp op, Operands operands,
                                     Results &results) {
  uint64_t dim = op.getDim();
  SmallVector<int64_t> shape(operands[0]->shape);
  shape[dim] = 0;
  for (const Array *operand : operands)
    shape[dim] += operand->shape[dim];
  Array result = Array::undefined(shape);
  SmallVector<int64_t> offsets(shape.size(), 0), strides(shape.size(), 1);
  for (const Array *operand : operands) {
    for (size_t d = 0; d < shape.size(); ++d)
      if (d != dim && failed(expectEqual(op, "dimension " + Twine(d),
                                         operand->shape[d], shape[d])))
        return failure();
    copyWindow(*operand, offsets, strides, result, /*insert=*/true);
    offsets[dim] += operand->shape[dim];
  }
  results.push_back(std::move(result));
  return success();
}

static LogicalResult interpretConstant(arith::ConstantOp op, Results &results) {
  auto type = dyn_cast<RankedTensorType>(op.getType());
  Array result;
  if (!type || !readElements(op.getValue(), result.data))
    return op.emitError("the interpreter reads dense constants only");
  result.shape.assign(type.getShape().begin(), type.getShape().end());
  results.push_back(std::move(result));
  return success();
}

LogicalResult mixln::interpretUpstream(Operation *op, Operands operands,
                                       const Execution &execution,
                                       Results &results) {
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op))
    return interpretSlice(slice, *operands[0], results);
  if (auto concat = dyn_cast<tensor::ConcatOp>(op))
    return interpretConcat(concat, operands, results);
  if (auto constant = dyn_cast<arith::ConstantOp>(op))
    return interpretConstant(constant, results);
  if (!isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp, PackOp>(op))
    return op->emitError() << "the interpreter knows no operation '"
                           << op->getName() << "' on tensors";

  // Reshapes and layouts: the same elements under another type.
  Type type = execution.resultTypes.empty() ? op->getResult(0).getType()
                                            : execution.resultTypes[0];
  ArrayRef<int64_t> shape = cast<RankedTensorType>(type).getShape();
  if (failed(expectEqual(op, "number of elements", countElements(shape),
                         operands[0]->getNumElements())))
    return failure();
  Array result = *operands[0];
  result.shape.assign(shape.begin(), shape.end());
  results.push_back(std::move(result));
  return success();
}
