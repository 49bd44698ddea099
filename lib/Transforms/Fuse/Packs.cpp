//===- Packs.cpp - mixln-pack ---------------------------------------------===//
//
//   %y = mixln.matmul lhs(%x) rhs(%w) transpose_rhs
//   =>
//   %p = mixln.pack %w
//   %y = mixln.matmul lhs(%x) rhs(%p) transpose_rhs
//
// The pack stands before the first matmul that reads it. One row times a weight
// reads it once: the weight stays as it is.
//
// Matmuls that read their left side transposed (gradients of weights) have
// activations on both sides. The right one is packed too where that is little
// beside the product: read in place, each step along the inner dimension is
// another page. bf16 is multiplied in pairs along the inner dimension, so that
// its left side must be paired first. Each is done once for all that read it:
//
//   %dw = mixln.matmul lhs(%dy : bf16) rhs(%x : bf16) transpose_lhs
//   =>
//   %a = mixln.pack %dy -> bf16, #mixln.paired
//   %b = mixln.pack %x -> bf16, #mixln.packed
//   %dw = mixln.matmul lhs(%a) rhs(%b) transpose_lhs
//
// A pack of f32 rounds where the other side is bf16.
//
//===----------------------------------------------------------------------===//

#include "mixln/IR/Sites.h"
#include "mixln/Transforms/Passes.h"

namespace mixln {
#define GEN_PASS_DEF_MIXLNPACK
#include "mixln/Transforms/Passes.h.inc"
} // namespace mixln

using namespace mlir;
using namespace mixln;

/// Rows of results for each of which a packed element is read once: packing
/// fewer would cost more than a twentieth of the product.
static constexpr int64_t kLeastRows = 256;

static int64_t rowsOfProducts(MatmulOp op) {
  return op.getM() * (op.getRhs().size() == 1 ? op.getNumProducts() : 1);
}

namespace {
struct Pack : mixln::impl::MixlnPackBase<Pack> {
  void runOnOperation() override {
    for (auto entry : getOperation().getOps<EntryOp>())
      packEntry(entry);
  }

  void packEntry(EntryOp entry) {
    packs.clear();
    for (auto op : entry.getBody().front().getOps<MatmulOp>()) {
      bool words = op.multipliesBF16();
      if (op.isMatvec())
        continue;
      if (op.getTransposeLhs()) {
        // No kernel reads both transposed.
        if (op.getTransposeRhs())
          continue;
        if (words)
          for (OpOperand &operand : op.getLhsMutable())
            pack(op, operand, PairedAttr::get(op.getContext()), words);
        if (!words && rowsOfProducts(op) < kLeastRows)
          continue;
      }
      auto packed = PackedAttr::get(op.getContext(), op.getTransposeRhs());
      for (OpOperand &operand : op.getRhsMutable())
        pack(op, operand, packed, words);
    }
  }

  void pack(MatmulOp op, OpOperand &operand, Attribute layout, bool words) {
    Value value = operand.get();
    auto type = cast<RankedTensorType>(value.getType());
    if (type.getEncoding())
      return;
    OpBuilder builder(op);
    Type element = words ? builder.getBF16Type() : type.getElementType();
    auto to = RankedTensorType::get(type.getShape(), element, layout);
    Value &packed = packs[{value, to}];
    if (!packed) {
      auto made = PackOp::create(builder, op.getLoc(), to, value);
      if (!getSite(op).empty())
        setSite(made, getSite(op), getLayer(op));
      packed = made;
    }
    operand.set(packed);
  }

  /// The value as a type.
  DenseMap<std::pair<Value, Type>, Value> packs;
};
} // namespace
