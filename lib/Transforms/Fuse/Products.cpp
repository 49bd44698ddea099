//===- Products.cpp - mixln-split-products, mixln-cast-sides --------------===//
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
//===----------------------------------------------------------------------===//

#include "mixln/IR/Sites.h"
#include "mixln/Transforms/Fuse/CopyRows.h"
#include "mixln/Transforms/Passes.h"

namespace mixln {
#define GEN_PASS_DEF_MIXLNSPLITPRODUCTS
#define GEN_PASS_DEF_MIXLNCASTSIDES
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
      made = copyRows(builder, value, type.clone(element), op, "cast");
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

} // namespace
