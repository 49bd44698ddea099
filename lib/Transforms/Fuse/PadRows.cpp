//===- PadRows.cpp - mixln-pad-rows ---------------------------------------===//
//
// A library multiplies bf16 at full rate where rows start at multiples of 16
// bytes. Values whose rows do not (LLaMA-1B's 5461 columns) get a padded
// layout (PaddedRows.h) if only row programs and products make and read
// them; others are copied. Variables stay as they are, and so do checkpoints.
//
//   %h = mixln.rowwise rows(%g, %u) -> rows([4, 13] bf16)
//   %y = mixln.matmul lhs(%h) rhs(%w : [8, 13] bf16) transpose_rhs
//   %dw = mixln.matmul lhs(%dy) rhs(%h) into(%old) transpose_lhs -> [8, 13] f32
//   mixln.store %dw, @grad
//   =>
//   %h = mixln.rowwise rows(%g, %u) -> rows([4, 13] bf16, "padded")
//   %w16 = mixln.rowwise rows(%w) -> rows([8, 13] bf16, "padded")
//   %y = mixln.matmul lhs(%h) rhs(%w16) transpose_rhs
//   %t = mixln.matmul lhs(%dy) rhs(%h) transpose_lhs
//       -> [8, 13] f32, "padded"
//   %dw = mixln.rowwise rows(%t, %old) -> rows([8, 13] f32) { the sum }
//   mixln.store %dw, @grad
//
// Extents stay 13: a product reads and writes nothing behind a row, so that
// what lies there can be no part of a sum.
//
//===----------------------------------------------------------------------===//

#include "mixln/IR/PaddedRows.h"
#include "mixln/IR/TensorType.h"
#include "mixln/Transforms/Fuse/CopyRows.h"
#include "mixln/Transforms/Passes.h"

#include "llvm/ADT/SetVector.h"

namespace mixln {
#define GEN_PASS_DEF_MIXLNPADROWS
#include "mixln/Transforms/Passes.h.inc"
} // namespace mixln

using namespace mlir;
using namespace mixln;

/// Whether rows of the matrix start at addresses that products are slow on.
static bool isOdd(Value matrix) {
  RankedTensorType type = typeOf(matrix);
  int64_t bits = getRowStride(type) * type.getElementTypeBitWidth();
  return bits % 128 != 0;
}

/// Values that must have one layout: what a chain of products adds to, and
/// each of their results.
static llvm::SetVector<Value> getChain(Value value) {
  llvm::SetVector<Value> chain;
  chain.insert(value);
  for (size_t i = 0; i < chain.size(); ++i) {
    Value link = chain[i];
    if (auto product = link.getDefiningOp<MatmulOp>())
      chain.insert(product.getInto().begin(), product.getInto().end());
    for (OpOperand &use : link.getUses())
      if (auto product = dyn_cast<MatmulOp>(use.getOwner());
          product && llvm::is_contained(product.getInto(), use.get()))
        chain.insert(product->getResult(0));
  }
  return chain;
}

/// Whether all that makes and reads the value knows padded rows.
static bool canHavePads(Value value) {
  if (!isa_and_nonnull<RowwiseOp, MatmulOp>(value.getDefiningOp()))
    return false;
  if (auto row = value.getDefiningOp<RowwiseOp>();
      row && (!llvm::is_contained(row.getRowResults(), value) ||
              typeOf(value).getRank() != 2))
    return false;
  return llvm::all_of(value.getUses(), [](OpOperand &use) {
    if (auto row = dyn_cast<RowwiseOp>(use.getOwner()))
      return use.getOperandNumber() < row.getRows().size();
    auto product = dyn_cast<MatmulOp>(use.getOwner());
    if (!product || !product.multipliesBF16())
      return false;
    // Added to in place: nothing else may want it.
    return !llvm::is_contained(product.getInto(), use.get()) ||
           use.get().hasOneUse();
  });
}

/// Gives the value a padded layout where it stands; false if it cannot have
/// one.
static bool pad(Value value) {
  llvm::SetVector<Value> chain = getChain(value);
  if (!llvm::all_of(chain, canHavePads))
    return false;
  for (Value link : chain)
    link.setType(padRows(typeOf(link)));
  return true;
}

namespace {
struct PadRows : mixln::impl::MixlnPadRowsBase<PadRows> {
  void runOnOperation() override {
    for (auto entry : getOperation().getOps<EntryOp>()) {
      copies.clear();
      for (auto op : llvm::make_early_inc_range(
               entry.getBody().front().getOps<MatmulOp>()))
        if (op.multipliesBF16() && op.getNumProducts() == 1) {
          for (OpOperand &side : op->getOpOperands().take_front(2))
            padSide(op, side);
          padResult(op);
        }
    }
  }

  void padSide(MatmulOp op, OpOperand &side) {
    Value value = side.get();
    if (!isOdd(value) || pad(value))
      return;
    Value &copy = copies[value];
    if (!copy) {
      OpBuilder builder(op);
      copy = copyRows(builder, value, padRows(typeOf(value)), op, "pad");
    }
    side.set(copy);
  }

  void padResult(MatmulOp op) {
    Value result = op->getResult(0);
    if (!isOdd(result) || pad(result))
      return;
    RankedTensorType type = typeOf(result);
    Value old = op.getInto().empty() ? Value() : op.getInto()[0];
    op.getIntoMutable().clear();
    result.setType(padRows(type));
    OpBuilder builder(op);
    builder.setInsertionPointAfter(op);
    Value plain = copyRows(builder, result, type, op, "unpad", old);
    result.replaceAllUsesExcept(plain, plain.getDefiningOp());
  }

  DenseMap<Value, Value> copies;
};
} // namespace
