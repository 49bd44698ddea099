//===- Packs.cpp - mixln-pack ---------------------------------------------===//
//
//   %y = mixln.matmul lhs(%x) rhs(%w) transpose_rhs
//   =>
//   %p = mixln.pack %w
//   %y = mixln.matmul lhs(%x) rhs(%p) transpose_rhs
//
// The pack stands before the first matmul that reads it. Matmuls that read
// their left side transposed (gradients of weights) have activations on both
// sides and read them in place.
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
    // By whether the matmul reads its right side transposed.
    DenseMap<Value, Value> packs[2];
    OpBuilder builder(entry);
    for (auto op : entry.getBody().front().getOps<MatmulOp>()) {
      if (op.getTransposeLhs())
        continue;
      bool transposed = op.getTransposeRhs();
      for (OpOperand &operand : op.getRhsMutable()) {
        Value value = operand.get();
        auto type = cast<RankedTensorType>(value.getType());
        if (type.getEncoding())
          continue;
        Value &packed = packs[transposed][value];
        if (!packed) {
          builder.setInsertionPoint(op);
          auto to = RankedTensorType::get(
              type.getShape(), type.getElementType(),
              PackedAttr::get(builder.getContext(), transposed));
          auto pack = PackOp::create(builder, op.getLoc(), to, value);
          if (!getSite(op).empty())
            setSite(pack, getSite(op), getLayer(op));
          packed = pack;
        }
        operand.set(packed);
      }
    }
  }
};
} // namespace
