//===- Products.cpp - mixln-split-products, -cast-sides, -widen-odd -------===//
//
// For targets whose products are a library's: one product an operation, sides
// of one type, nothing packed.
//
// mixln-split-products:
//
//   %q, %k = mixln.matmul lhs(%h) rhs(%wq, %wk) transpose_rhs
//   %dh = mixln.matmul lhs(%dq, %dk) rhs(%wq, %wk) reduce
//   =>
//   %q = mixln.matmul lhs(%h) rhs(%wq) transpose_rhs
//   %k = mixln.matmul lhs(%h) rhs(%wk) transpose_rhs
//   %0 = mixln.matmul lhs(%dq) rhs(%wq)
//   %dh = mixln.matmul lhs(%dk) rhs(%wk) into(%0)
//
// mixln-cast-sides, where one side is bf16:
//
//   %q = mixln.matmul lhs(%h : bf16) rhs(%wq : f32) transpose_rhs
//   =>
//   %w = mixln.rowwise [512] rows(%wq : f32) -> rows(bf16) { the row itself }
//   %q = mixln.matmul lhs(%h : bf16) rhs(%w : bf16) transpose_rhs
//
// The cast stands before the first matmul that reads it, once for all.
//
// mixln-widen-odd: products with rows of bf16 that are not multiples of 16
// bytes, which the library does not take, are formed in f32.
//
//   %y = mixln.matmul lhs(%h : [4, 8] bf16) rhs(%w : [13, 8] bf16)
//       transpose_rhs -> [4, 13] bf16
//   =>
//   %h32 = mixln.rowwise rows(%h) -> rows([4, 8] f32)
//   %w32 = mixln.rowwise rows(%w) -> rows([13, 8] f32)
//   %y32 = mixln.matmul lhs(%h32) rhs(%w32) transpose_rhs -> [4, 13] f32
//   %y = mixln.rowwise rows(%y32) -> rows([4, 13] bf16)
//
//===----------------------------------------------------------------------===//

#include "mixln/IR/Sites.h"
#include "mixln/Transforms/Passes.h"

namespace mixln {
#define GEN_PASS_DEF_MIXLNSPLITPRODUCTS
#define GEN_PASS_DEF_MIXLNCASTSIDES
#define GEN_PASS_DEF_MIXLNWIDENODD
#include "mixln/Transforms/Passes.h.inc"
} // namespace mixln

using namespace mlir;
using namespace mixln;

namespace {

struct SplitProducts : mixln::impl::MixlnSplitProductsBase<SplitProducts> {
  void runOnOperation() override {
    for (auto entry : getOperation().getOps<EntryOp>())
      for (auto op : llvm::make_early_inc_range(
               entry.getBody().front().getOps<MatmulOp>()))
        if (op.getNumProducts() > 1)
          split(op);
  }

  void split(MatmulOp op) {
    OpBuilder builder(op);
    Value sum =
        op.getReduce() && !op.getInto().empty() ? op.getInto()[0] : Value();
    for (unsigned i = 0; i < op.getNumProducts(); ++i) {
      OpResult old = op->getResult(op.getReduce() ? 0 : i);
      SmallVector<Value> into;
      if (op.getReduce() ? sum != nullptr : !op.getInto().empty())
        into.push_back(op.getReduce() ? sum : op.getInto()[i]);
      auto product = MatmulOp::create(
          builder, op.getLoc(), old.getType(), op.getLhsOf(i), op.getRhsOf(i),
          into, op.getTransposeLhs(), op.getTransposeRhs(), /*reduce=*/false);
      copySite(op, product);
      product->removeDiscardableAttr("mixln.names");
      OpResult result = product->getResult(0);
      sum = result;
      if (op.getReduce() && i + 1 < op.getNumProducts())
        continue;
      if (StringRef name = mixln::getName(old); !name.empty())
        setName(result, name);
      old.replaceAllUsesWith(result);
    }
    op.erase();
  }
};

/// A row program that stores `value`, a side or result of `op`, as `element`.
RowwiseOp storeAs(OpBuilder &builder, MatmulOp op, Value value, Type element) {
  auto type = cast<RankedTensorType>(value.getType());
  auto row = VectorType::get(type.getShape().back(), builder.getF32Type());
  auto copy =
      RowwiseOp::create(builder, op.getLoc(), type.getShape().drop_back(),
                        value, {}, {}, {}, row, TypeRange{}, {});
  copy->getResult(0).setType(type.clone(element));
  if (!getSite(op).empty())
    setSite(copy, (getSite(op) + ".cast").str(), getLayer(op));
  OpBuilder body = OpBuilder::atBlockEnd(copy.getBodyBlock());
  YieldOp::create(body, op.getLoc(), copy.getRowArgument(0), ValueRange{});
  return copy;
}

/// Values as other types, once for all that read them.
class Casts {
public:
  void cast(MatmulOp op, OpOperand &operand, Type element) {
    Value value = operand.get();
    auto type = mlir::cast<RankedTensorType>(value.getType());
    if (type.getElementType() == element)
      return;
    Value &made = casts[{value, element}];
    if (!made) {
      OpBuilder builder(op);
      made = storeAs(builder, op, value, element)->getResult(0);
    }
    operand.set(made);
  }

private:
  DenseMap<std::pair<Value, Type>, Value> casts;
};

struct CastSides : mixln::impl::MixlnCastSidesBase<CastSides> {
  void runOnOperation() override {
    Type bf16 = BFloat16Type::get(&getContext());
    for (auto entry : getOperation().getOps<EntryOp>()) {
      Casts casts;
      for (auto op : llvm::make_early_inc_range(
               entry.getBody().front().getOps<MatmulOp>()))
        if (op.multipliesBF16())
          for (OpOperand &operand : op->getOpOperands().take_front(
                   op.getLhs().size() + op.getRhs().size()))
            casts.cast(op, operand, bf16);
    }
  }
};

/// Rows of bf16 start at multiples of 16 bytes in a library's products.
constexpr int64_t kRowMultiple = 8;

struct WidenOdd : mixln::impl::MixlnWidenOddBase<WidenOdd> {
  void runOnOperation() override {
    Type f32 = Float32Type::get(&getContext());
    for (auto entry : getOperation().getOps<EntryOp>()) {
      Casts casts;
      for (auto op : llvm::make_early_inc_range(
               entry.getBody().front().getOps<MatmulOp>())) {
        if (!op.multipliesBF16() || !hasOddRows(op))
          continue;
        for (OpOperand &operand : op->getOpOperands())
          casts.cast(op, operand, f32);
        widenResults(op);
      }
    }
  }

  static bool hasOddRows(MatmulOp op) {
    return llvm::any_of(llvm::concat<Value>(llvm::to_vector(op->getOperands()),
                                            llvm::to_vector(op->getResults())),
                        [](Value value) {
                          auto type = cast<RankedTensorType>(value.getType());
                          return type.getElementType().isBF16() &&
                                 type.getShape().back() % kRowMultiple != 0;
                        });
  }

  void widenResults(MatmulOp op) {
    OpBuilder builder(op);
    builder.setInsertionPointAfter(op);
    for (Value result : op->getResults()) {
      auto type = cast<RankedTensorType>(result.getType());
      if (!type.getElementType().isBF16())
        continue;
      result.setType(type.clone(builder.getF32Type()));
      RowwiseOp narrow = storeAs(builder, op, result, type.getElementType());
      result.replaceAllUsesExcept(narrow->getResult(0), narrow);
    }
  }
};

} // namespace
