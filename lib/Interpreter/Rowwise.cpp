//===- Rowwise.cpp - Runs a row program over its domain -------------------===//

#include "Operations.h"

#include <algorithm>

using namespace mlir;
using namespace mixln;

static int64_t evaluate(AffineExpr expr, ArrayRef<int64_t> dims) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return dims[dim.getPosition()];
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue();
  auto binary = cast<AffineBinaryOpExpr>(expr);
  int64_t a = evaluate(binary.getLHS(), dims);
  int64_t b = evaluate(binary.getRHS(), dims);
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return a + b;
  case AffineExprKind::Mul:
    return a * b;
  case AffineExprKind::Mod:
    return b > 0 ? ((a % b) + b) % b : -1;
  case AffineExprKind::FloorDiv:
    return b > 0 ? llvm::divideFloorSigned(a, b) : -1;
  case AffineExprKind::CeilDiv:
    return b > 0 ? llvm::divideCeilSigned(a, b) : -1;
  default:
    return -1;
  }
}

/// Number of doubles of an argument or a yielded value.
static int64_t widthOf(Type type) {
  auto vector = dyn_cast<VectorType>(type);
  return vector ? vector.getNumElements() : 1;
}

/// The operation's domain, or what the shapes of operands that have a
/// dimension of it say, where they differ from the operation's types.
static SmallVector<int64_t> findDomain(RowwiseOp op, Operands operands,
                                       const Execution &execution) {
  if (!execution.domain.empty())
    return SmallVector<int64_t>(execution.domain);
  SmallVector<int64_t> domain(op.getDomain());
  for (unsigned i = 0; i < op.getRows().size(); ++i) {
    auto type = cast<RankedTensorType>(op.getRows()[i].getType());
    AffineMap map = op.getRowMap(i);
    for (unsigned p = 0; p < map.getNumResults(); ++p) {
      auto dim = dyn_cast<AffineDimExpr>(map.getResult(p));
      int64_t extent = operands[i]->shape[p];
      if (dim && extent != type.getDimSize(p) &&
          type.getDimSize(p) == op.getDomain()[dim.getPosition()])
        domain[dim.getPosition()] = extent;
    }
  }
  return domain;
}

/// Copies what row operand `i` has at `point` into `argument`.
static LogicalResult readRow(RowwiseOp op, unsigned i, const Array &operand,
                             ArrayRef<int64_t> point,
                             std::vector<double> &argument) {
  AffineMap map = op.getRowMap(i);
  int64_t index = 0;
  for (unsigned p = 0; p < map.getNumResults(); ++p) {
    int64_t at = evaluate(map.getResult(p), point);
    if (at < 0 || at >= operand.shape[p])
      return op.emitError() << "row operand " << i << " is read at index " << at
                            << " of a dimension of " << operand.shape[p];
    index = index * operand.shape[p] + at;
  }
  auto begin = operand.data.begin() + index * argument.size();
  std::copy(begin, begin + argument.size(), argument.begin());
  return success();
}

static LogicalResult checkOperands(RowwiseOp op, Operands operands) {
  for (unsigned i = 0; i < op.getRows().size(); ++i) {
    Type type = op.getRowArgument(i).getType();
    unsigned rank = op.getRowMap(i).getNumResults() + isa<VectorType>(type);
    std::string what = "row operand " + std::to_string(i);
    if (failed(expectRank(op, what, *operands[i], rank)))
      return failure();
    if (isa<VectorType>(type) &&
        failed(expectEqual(op, "width of " + what, operands[i]->shape.back(),
                           widthOf(type))))
      return failure();
  }
  for (unsigned i = 0; i < op.getShared().size(); ++i)
    if (failed(expectEqual(op,
                           "number of elements of shared operand " + Twine(i),
                           operands[op.getRows().size() + i]->getNumElements(),
                           widthOf(op.getSharedArgument(i).getType()))))
      return failure();
  return success();
}

namespace {
/// Where the sums of a program add up: one per kept head.
struct Sum {
  bool keepsHeads;
  int64_t width;
  Array total;

  void add(ArrayRef<int64_t> point, const std::vector<double> &value) {
    double *out = total.data.data() + (keepsHeads ? point[1] * width : 0);
    for (double element : value)
      *out++ += element;
  }
};
} // namespace

/// The sums at zero or where `into` says.
static FailureOr<SmallVector<Sum>> startSums(RowwiseOp op, Operands operands,
                                             ArrayRef<int64_t> domain) {
  SmallVector<Sum> sums;
  for (auto [i, value] : llvm::enumerate(op.getYield().getSums())) {
    AffineMap map = op.getSumMap(i);
    auto type = RowwiseOp::sumResultType(domain, map, value.getType());
    sums.push_back({map.getNumResults() != 0, widthOf(value.getType()),
                    Array::full(type.getShape(), 0)});
  }
  unsigned first = op.getRows().size() + op.getShared().size();
  for (auto [i, sum] : llvm::enumerate(op.getIntoSums())) {
    const Array &start = *operands[first + i];
    if (failed(expectEqual(
            op, "number of elements that sum " + Twine(sum) + " starts from",
            start.getNumElements(), sums[sum].total.getNumElements())))
      return failure();
    sums[sum].total.data = start.data;
  }
  return sums;
}

LogicalResult mixln::interpretRowwise(RowwiseOp op, Operands operands,
                                      Rows rows, const Execution &execution,
                                      Results &results) {
  if (failed(checkOperands(op, operands)))
    return failure();
  SmallVector<int64_t> domain = findDomain(op, operands, execution);
  if (failed(expectEqual(op, "rank of the domain", domain.size(),
                         op.getDomain().size())))
    return failure();
  ArrayRef<double> values =
      execution.values.empty() ? op.getValues() : execution.values;
  if (failed(expectEqual(op, "number of values", values.size(),
                         op.getValues().size())))
    return failure();
  FailureOr<RowProgram> program =
      RowProgram::decode(*op.getBodyBlock(), execution.tape);
  FailureOr<SmallVector<int64_t>> list = listRows(op, rows, domain[0]);
  FailureOr<SmallVector<Sum>> sums = startSums(op, operands, domain);
  if (failed(program) || failed(list) || failed(sums))
    return failure();

  unsigned argument = op.getRows().size();
  for (unsigned i = 0; i < op.getShared().size(); ++i, ++argument)
    program->getArgument(argument) = operands[argument]->data;
  for (double value : values)
    program->getArgument(argument++).assign(1, value);

  SmallVector<int64_t> computed(domain);
  computed[0] = list->size();
  for (Value value : op.getYield().getRows())
    results.push_back(Array::undefined(
        RowwiseOp::rowResultType(computed, value.getType()).getShape()));

  unsigned numRowResults = op.getRowResults().size();
  int64_t heads = domain.size() == 2 ? domain[1] : 1;
  for (auto [position, row] : llvm::enumerate(*list)) {
    for (int64_t head = 0; head < heads; ++head) {
      int64_t point[2] = {row, head};
      for (unsigned i = 0; i < op.getRows().size(); ++i)
        if (failed(readRow(op, i, *operands[i], ArrayRef(point, domain.size()),
                           program->getArgument(i))))
          return failure();
      program->run();
      for (unsigned i = 0; i < numRowResults; ++i) {
        const std::vector<double> &value = program->getYield(i);
        llvm::copy(value, results[i].data.begin() +
                              (position * heads + head) * value.size());
      }
      for (auto [i, sum] : llvm::enumerate(*sums))
        sum.add(point, program->getYield(numRowResults + i));
    }
  }
  // Sums of some of the rows mean nothing.
  for (Sum &sum : *sums)
    results.push_back(rows ? Array() : std::move(sum.total));
  return success();
}
