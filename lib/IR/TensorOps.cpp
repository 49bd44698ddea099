//===- TensorOps.cpp - Operations on whole tensors ------------------------===//

#include "mixln/IR/Mixln.h"
#include "mixln/IR/TensorType.h"

#include <cmath>

using namespace mlir;
using namespace mixln;

LogicalResult mixln::verifyExtents(Operation *op) {
  // Sizes in bytes then fit an int64_t, and nothing is divided by zero.
  constexpr int64_t limit = int64_t(1) << 40;
  for (Type type :
       llvm::concat<const Type>(op->getOperandTypes(), op->getResultTypes())) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor)
      continue;
    for (int64_t extent : tensor.getShape())
      if (extent < 1 || extent > limit)
        return op->emitOpError() << "has the type " << tensor
                                 << ", expected extents of 1 to " << limit;
  }
  return success();
}

/// "`what` is X, expected Y" unless the two agree.
static LogicalResult expect(Operation *op, const Twine &what, int64_t found,
                            int64_t expected) {
  if (found == expected)
    return success();
  return op->emitOpError() << what << " is " << found << ", expected "
                           << expected;
}

static LogicalResult expectRank(Operation *op, StringRef what, Value value,
                                int64_t rank) {
  return expect(op, "rank of " + what, typeOf(value).getRank(), rank);
}

//===----------------------------------------------------------------------===//
// Embedding
//===----------------------------------------------------------------------===//

LogicalResult EmbeddingOp::verify() {
  if (failed(verifyExtents(*this)) ||
      failed(expectRank(*this, "table", getTable(), 2)) ||
      failed(expectRank(*this, "ids", getIds(), 1)) ||
      failed(expectRank(*this, "result", getResult(), 2)))
    return failure();
  if (failed(expect(*this, "number of rows of the result",
                    typeOf(getResult()).getDimSize(0),
                    typeOf(getIds()).getDimSize(0))))
    return failure();
  return expect(*this, "width of the result", typeOf(getResult()).getDimSize(1),
                typeOf(getTable()).getDimSize(1));
}

LogicalResult EmbeddingGradOp::verify() {
  if (failed(verifyExtents(*this)) ||
      failed(expectRank(*this, "dy", getDy(), 2)) ||
      failed(expectRank(*this, "result", getResult(), 2)))
    return failure();
  int64_t rows = typeOf(getDy()).getDimSize(0);
  if (failed(expect(*this, "number of ids", typeOf(getIds()).getNumElements(),
                    rows)) ||
      failed(expect(*this, "length of the order",
                    typeOf(getOrder()).getNumElements(), rows)) ||
      failed(expect(*this, "number of segment starts",
                    typeOf(getStarts()).getNumElements(), rows + 1)))
    return failure();
  if (getInto() && getInto().getType() != getResult().getType())
    return emitOpError() << "adds into " << getInto().getType()
                         << " but yields " << getResult().getType();
  return expect(*this, "width of the result", typeOf(getResult()).getDimSize(1),
                typeOf(getDy()).getDimSize(1));
}

//===----------------------------------------------------------------------===//
// Matmul
//===----------------------------------------------------------------------===//

int64_t MatmulOp::getM() {
  return typeOf(getLhs().front()).getDimSize(getTransposeLhs() ? 1 : 0);
}

int64_t MatmulOp::getN(unsigned product) {
  return typeOf(getRhsOf(product)).getDimSize(getTransposeRhs() ? 0 : 1);
}

int64_t MatmulOp::getK(unsigned product) {
  return typeOf(getLhsOf(product)).getDimSize(getTransposeLhs() ? 0 : 1);
}

bool MatmulOp::multipliesBF16() {
  return llvm::any_of(llvm::concat<Value>(getLhs(), getRhs()), [](Value side) {
    return typeOf(side).getElementType().isBF16();
  });
}

LogicalResult MatmulOp::verify() {
  if (failed(verifyExtents(*this)))
    return failure();
  unsigned lhs = getLhs().size(), rhs = getRhs().size();
  if (lhs == 0 || rhs == 0)
    return emitOpError("needs a left and a right side");
  if (lhs != rhs && lhs != 1 && rhs != 1)
    return emitOpError() << "has " << lhs << " left and " << rhs
                         << " right sides, expected equal numbers or one";
  unsigned expected = getReduce() ? 1 : getNumProducts();
  if (getResults().size() != expected)
    return emitOpError() << "has " << getResults().size()
                         << " results, expected " << expected;
  if (!getInto().empty() && getInto().getTypes() != getResults().getTypes())
    return emitOpError("adds into other types than it yields");
  for (Value value : llvm::concat<Value>(getLhs(), getRhs(), getResults()))
    if (failed(expectRank(*this, "a matrix", value, 2)))
      return failure();
  for (Value side : llvm::concat<Value>(getLhs(), getRhs()))
    if (isa_and_nonnull<PairedAttr>(typeOf(side).getEncoding()) &&
        (!getTransposeLhs() || getTransposeRhs()))
      return emitOpError("reads a paired side, expected transpose_lhs alone");
  for (unsigned i = 0; i < getNumProducts(); ++i) {
    int64_t kOfRhs = typeOf(getRhsOf(i)).getDimSize(getTransposeRhs() ? 1 : 0);
    if (getK(i) != kOfRhs)
      return emitOpError() << "product " << i << " sums over " << getK(i)
                           << " columns of the left and " << kOfRhs
                           << " of the right side";
    auto result = typeOf(getResults()[getReduce() ? 0 : i]);
    int64_t m = typeOf(getLhsOf(i)).getDimSize(getTransposeLhs() ? 1 : 0);
    if (result.getDimSize(0) != m || result.getDimSize(1) != getN(i))
      return emitOpError() << "product " << i << " is " << m << "x" << getN(i)
                           << " but its result " << result;
    if (auto packed =
            dyn_cast_or_null<PackedAttr>(typeOf(getRhsOf(i)).getEncoding()))
      if (packed.getTransposed() != getTransposeRhs())
        return emitOpError()
               << "product " << i << " reads a right side packed for "
               << (packed.getTransposed() ? "transpose_rhs"
                                          : "no transpose_rhs");
  }
  return success();
}

LogicalResult PackOp::verify() {
  if (failed(verifyExtents(*this)))
    return failure();
  RankedTensorType from = typeOf(getValue()), to = typeOf(getResult());
  if (!isa_and_nonnull<PackedAttr, PairedAttr>(to.getEncoding()))
    return emitOpError() << "yields " << to
                         << ", expected the encoding #mixln.packed or "
                            "#mixln.paired";
  if (from.getShape() != to.getShape())
    return emitOpError() << "packs " << from << " into " << to
                         << ", expected the same shape";
  if (isa<PairedAttr>(to.getEncoding()) && !to.getElementType().isBF16())
    return emitOpError() << "yields " << to << ", expected pairs of bf16";
  if (from.getElementType() != to.getElementType() &&
      !(from.getElementType().isF32() && to.getElementType().isBF16()))
    return emitOpError() << "packs " << from << " into " << to
                         << ", expected the same element type or f32 that "
                            "becomes bf16";
  return success();
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

/// What all of them share: heads, scale, k and v, tables.
template <typename OpTy> static LogicalResult verifyHeads(OpTy op) {
  int64_t heads = op.getHeads();
  RankedTensorType q = typeOf(op.getQ()), k = typeOf(op.getK());
  if (heads <= 0 || q.getDimSize(1) % heads != 0)
    return op.emitOpError() << "width " << q.getDimSize(1)
                            << " of q is not a multiple of heads " << heads;
  if (!(op.getScoreScale() > 0) || !std::isfinite(op.getScoreScale()))
    return op.emitOpError() << "scale is " << op.getScoreScale()
                            << ", expected a positive number";
  int64_t headDim = op.getHeadDim();
  if (headDim % 2 != 0)
    return op.emitOpError() << "head dimension " << headDim << " is odd";
  if (k.getDimSize(1) % headDim != 0)
    return op.emitOpError()
           << "width " << k.getDimSize(1)
           << " of k is not a multiple of the head dimension " << headDim;
  if (heads % op.getKvHeads() != 0)
    return op.emitOpError()
           << "heads " << heads << " is not a multiple of key/value heads "
           << op.getKvHeads();
  if (typeOf(op.getV()) != k)
    return op.emitOpError()
           << "k has type " << k << " but v has type " << op.getV().getType();
  if (failed(expect(op, "width of cos", typeOf(op.getCos()).getDimSize(1),
                    headDim / 2)))
    return failure();
  if (op.getCos().getType() != op.getSin().getType())
    return op.emitOpError() << "cos has type " << op.getCos().getType()
                            << " but sin has type " << op.getSin().getType();
  if (typeOf(op.getCtx()) != q)
    return op.emitOpError() << "ctx has type " << op.getCtx().getType()
                            << " but q has type " << q;
  if (k.getElementType() != q.getElementType())
    return op.emitOpError() << "q has type " << q << " but k has type " << k
                            << ", expected the same element type";
  return success();
}

template <typename OpTy> static LogicalResult verifyAttention(OpTy op) {
  if (failed(verifyExtents(op)))
    return failure();
  for (Value value : op->getOperands())
    if (failed(expectRank(op, "an operand", value, 2)))
      return failure();
  if (failed(expectRank(op, "lse", op.getLse(), 2)) || failed(verifyHeads(op)))
    return failure();
  RankedTensorType q = typeOf(op.getQ()), lse = typeOf(op.getLse());
  // v has the type of k.
  if (failed(expect(op, "number of rows of k", typeOf(op.getK()).getDimSize(0),
                    q.getDimSize(0))))
    return failure();
  if (q.getDimSize(0) % op.getSeqLen() != 0)
    return op.emitOpError()
           << "number of rows " << q.getDimSize(0)
           << " is not a multiple of the sequence length " << op.getSeqLen();
  if (lse.getDimSize(0) != q.getDimSize(0) ||
      lse.getDimSize(1) != static_cast<int64_t>(op.getHeads()))
    return op.emitOpError() << "lse has type " << lse << ", expected "
                            << q.getDimSize(0) << "x" << op.getHeads();
  return success();
}

LogicalResult AttentionOp::verify() {
  if (failed(verifyAttention(*this)))
    return failure();
  if (!llvm::is_contained({0, 2}, getScores().size()))
    return emitOpError() << "has " << getScores().size()
                         << " results about scores, expected none or the "
                            "largest and the entropy";
  for (Value value : getScores())
    if (value.getType() != getLse().getType())
      return emitOpError() << "has a result about scores of type "
                           << value.getType() << ", expected "
                           << getLse().getType();
  return success();
}

LogicalResult AttentionGradOp::verify() {
  if (failed(verifyAttention(*this)))
    return failure();
  if (getDctx().getType() != getCtx().getType())
    return emitOpError() << "dctx has type " << getDctx().getType()
                         << " but ctx has type " << getCtx().getType();
  if (getDq().getType() != getQ().getType() ||
      getDk().getType() != getK().getType() ||
      getDv().getType() != getV().getType())
    return emitOpError("cotangents must have the types of q, k and v");
  return success();
}

LogicalResult AttentionStepOp::verify() {
  if (failed(verifyExtents(*this)))
    return failure();
  for (Value value : getOperands().drop_back())
    if (failed(expectRank(*this, "an operand", value, 2)))
      return failure();
  if (failed(verifyHeads(*this)))
    return failure();
  if (auto type = typeOf(getPosition());
      type.getShape() != ArrayRef<int64_t>{1})
    return emitOpError() << "position has type " << type
                         << ", expected tensor<1xi32>";
  for (auto [what, value] : {std::pair("q", getQ()), std::pair("k", getK())})
    if (failed(expect(*this, Twine("number of rows of ") + what,
                      typeOf(value).getDimSize(0), 1)))
      return failure();
  RankedTensorType cache =
      typeOf(getK()).clone({getSeqLen(), typeOf(getK()).getDimSize(1)});
  for (auto [what, value] :
       {std::pair("keys", getKeys()), std::pair("values", getValues()),
        std::pair("new_keys", getNewKeys()),
        std::pair("new_values", getNewValues())})
    if (value.getType() != cache)
      return emitOpError() << what << " has type " << value.getType()
                           << ", expected " << cache;
  return success();
}

//===----------------------------------------------------------------------===//
// Measurements
//===----------------------------------------------------------------------===//

LogicalResult MeasureAtOp::verify() {
  if (failed(verifyExtents(*this)))
    return failure();
  if (getNumbers().empty() || getValues().empty())
    return emitOpError("needs values and numbers");
  for (Value value : getValues())
    if (failed(expectRank(*this, "a value", value, 2)))
      return failure();
  int64_t rows = typeOf(getValues().front()).getDimSize(0);
  for (Value value : getValues())
    if (failed(expect(*this, "number of rows of a value",
                      typeOf(value).getDimSize(0), rows)))
      return failure();
  auto ofRows = RankedTensorType::get({rows}, Float32Type::get(getContext()));
  for (Value number : getNumbers())
    if (number.getType() != ofRows)
      return emitOpError() << "yields " << number.getType() << ", expected "
                           << ofRows;
  return success();
}

LogicalResult MeasureAtOp::verifySymbolUses(SymbolTableCollection &tables) {
  auto module = (*this)->getParentOfType<ModuleOp>();
  auto measure = tables.lookupSymbolIn<MeasureOp>(module, getMeasureAttr());
  if (!measure)
    return emitOpError() << "unknown measurement " << getMeasureAttr();
  Block &body = measure.getBody().front();
  size_t inputs = body.getNumArguments();
  size_t results = cast<YieldOp>(body.getTerminator()).getRows().size();
  if (getValues().size() != inputs || getNumbers().size() != results) {
    InFlightDiagnostic diag = emitOpError()
                              << "has " << getValues().size() << " values and "
                              << getNumbers().size() << " numbers";
    diag.attachNote(measure.getLoc())
        << "the measurement has " << inputs << " inputs and " << results
        << " results";
    return diag;
  }
  for (auto [value, argument] : llvm::zip(getValues(), body.getArguments())) {
    RankedTensorType type = typeOf(value);
    Type row = VectorType::get(type.getDimSize(1), type.getElementType());
    if (argument.getType() != row)
      return emitOpError() << "has a value of type " << type
                           << " for rows of type " << argument.getType();
  }
  return success();
}
