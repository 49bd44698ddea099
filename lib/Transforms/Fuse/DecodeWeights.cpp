//===- DecodeWeights.cpp - mixln-decode-weights ---------------------------===//
//
// Before, in a module with mixln.dtype = "bf16":
//
//   mixln.entry @decode {
//     %w = mixln.load @w : tensor<512x512xf32>
//     %y = mixln.matmul lhs(%h : tensor<1x512xbf16>) rhs(%w) transpose_rhs
//
// After:
//
//   mixln.variable @decode.w : tensor<512x512xbf16> cache
//   mixln.entry @decode_weights {
//     %w = mixln.load @w : tensor<512x512xf32>
//     %n = mixln.rowwise [512] rows(%w) -> rows(tensor<512x512xbf16>)
//     mixln.store %n, @decode.w
//   }
//   mixln.entry @decode {
//     %n = mixln.load @decode.w : tensor<512x512xbf16>
//     %y = mixln.matmul lhs(%h : tensor<1x512xbf16>) rhs(%n) transpose_rhs
//
// A product of one row reads each weight once, so its time is that of its
// weights' bytes, and it rounds them to bf16 all the same: half the bytes, and
// the same numbers. The copies lie where keys and values do, in bytes that
// training uses otherwise, so they are made when a generation begins.
//
//===----------------------------------------------------------------------===//

#include "mixln/IR/Sites.h"
#include "mixln/Transforms/Fuse/CopyRows.h"
#include "mixln/Transforms/Passes.h"

#include "mlir/IR/SymbolTable.h"

namespace mixln {
#define GEN_PASS_DEF_MIXLNDECODEWEIGHTS
#include "mixln/Transforms/Passes.h.inc"
} // namespace mixln

using namespace mlir;
using namespace mixln;

namespace {
struct DecodeWeights : mixln::impl::MixlnDecodeWeightsBase<DecodeWeights> {
  void runOnOperation() override {
    auto dtype = getOperation()->getAttrOfType<StringAttr>("mixln.dtype");
    auto decode = getOperation().lookupSymbol<EntryOp>("decode");
    if (!decode || !dtype || dtype != "bf16")
      return;
    copies.clear();
    auto builder = OpBuilder(decode);
    for (auto matmul : decode.getBody().front().getOps<MatmulOp>()) {
      if (!matmul.isMatvec() || !matmul.multipliesBF16())
        continue;
      for (OpOperand &rhs : matmul.getRhsMutable())
        narrow(rhs);
    }
    if (copies.empty())
      return;
    auto entry = EntryOp::create(builder, decode.getLoc(), "decode_weights");
    builder.setInsertionPointToStart(&entry.getBody().emplaceBlock());
    for (auto &[parameter, copy] : copies)
      copyInto(builder, cast<VariableOp>(parameter), copy);
  }

  void narrow(OpOperand &rhs) {
    auto load = rhs.get().getDefiningOp<LoadOp>();
    if (!load)
      return;
    auto parameter =
        getOperation().lookupSymbol<VariableOp>(load.getVariableAttr());
    auto type = cast<RankedTensorType>(load.getType());
    if (parameter.getRole() != Role::Parameter ||
        !type.getElementType().isF32())
      return;
    VariableOp &copy = copies[parameter];
    if (!copy)
      copy = declare(parameter, type);
    OpBuilder builder(load);
    auto narrowed = LoadOp::create(builder, load.getLoc(), copy.getType(),
                                   copy.getSymName());
    copySite(load, narrowed);
    rhs.set(narrowed);
    if (load->use_empty())
      load.erase();
  }

  VariableOp declare(VariableOp parameter, RankedTensorType type) {
    OpBuilder builder(parameter);
    builder.setInsertionPointAfter(parameter);
    return VariableOp::create(builder, parameter.getLoc(),
                              ("decode." + parameter.getSymName()).str(),
                              type.clone(builder.getBF16Type()), Role::Cache,
                              /*init=*/nullptr, /*of=*/nullptr,
                              /*parameter_class=*/nullptr, /*lr_mult=*/nullptr,
                              /*decay=*/nullptr);
  }

  void copyInto(OpBuilder &builder, VariableOp parameter, VariableOp copy) {
    Location loc = parameter.getLoc();
    Value wide = LoadOp::create(builder, loc, parameter.getType(),
                                parameter.getSymName());
    Value narrow =
        copyRows(builder, wide, cast<RankedTensorType>(copy.getType()),
                 wide.getDefiningOp(), "decode");
    setSite(narrow.getDefiningOp(), (parameter.getSymName() + ".decode").str());
    StoreOp::create(builder, loc, narrow, copy.getSymName());
  }

  llvm::MapVector<Operation *, VariableOp> copies;
};
} // namespace
