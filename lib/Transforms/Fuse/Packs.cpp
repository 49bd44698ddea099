//===- Packs.cpp - mixln-pack ---------------------------------------------===//
//
//   %y = mixln.matmul lhs(%x) rhs(%w) transpose_rhs
//   =>
//   %p = mixln.pack %w
//   %y = mixln.matmul lhs(%x) rhs(%p) transpose_rhs
//
// The pack stands before the first matmul that reads it. Matmuls that read
// their left side transposed (gradients of weights) have activations on both
// sides and read f32 in place. bf16 is multiplied in pairs along the inner
// dimension, so their sides are paired first, each once for all that read it:
//
//   %dw = mixln.matmul lhs(%dy : bf16) rhs(%x : bf16) transpose_lhs
//   =>
//   %a = mixln.pack %dy -> bf16, #mixln.paired
//   %b = mixln.pack %x -> bf16, #mixln.paired
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
      if (op.getTransposeLhs()) {
        auto paired = PairedAttr::get(op.getContext());
        for (MutableOperandRange side :
             {op.getLhsMutable(), op.getRhsMutable()})
          for (OpOperand &operand : side)
            if (words && !op.getTransposeRhs())
              pack(op, operand, paired, words);
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
