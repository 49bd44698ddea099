//===- KeepPacks.cpp - mixln-keep-packs -----------------------------------===//
//
// Before, in `gradient`, and likewise in other entries:
//
//   %w = mixln.load @w
//   %p = mixln.pack %w -> bf16, #mixln.packed<transposed>
//   %y = mixln.matmul lhs(%x) rhs(%p) transpose_rhs
//
// and in `update`: mixln.store %new, @w
//
// After:
//
//   mixln.variable @packed.w.transposed : ... packed of @w
//   %p = mixln.load @packed.w.transposed
//   %y = mixln.matmul lhs(%x) rhs(%p) transpose_rhs
//
// and in `update`, for `prepare` with the loaded @w:
//
//   %p = mixln.pack %new -> bf16, #mixln.packed<transposed>
//   mixln.store %p, @packed.w.transposed
//   mixln.store %new, @w
//
// Packs of f32 stay where they are: two copies would double the weights.
//
//===----------------------------------------------------------------------===//

#include "mixln/IR/Sites.h"
#include "mixln/Transforms/Passes.h"

#include "mlir/IR/SymbolTable.h"

namespace mixln {
#define GEN_PASS_DEF_MIXLNKEEPPACKS
#include "mixln/Transforms/Passes.h.inc"
} // namespace mixln

using namespace mlir;
using namespace mixln;

namespace {
struct KeepPacks : mixln::impl::MixlnKeepPacksBase<KeepPacks> {
  void runOnOperation() override {
    auto dtype = getOperation()->getAttrOfType<StringAttr>("mixln.dtype");
    if (!dtype || dtype == "fp32")
      return;
    kept.clear();
    auto update = getOperation().lookupSymbol<EntryOp>("update");
    // Without an update nothing is read twice.
    if (!update)
      return;
    for (auto entry : getOperation().getOps<EntryOp>())
      for (auto pack :
           llvm::make_early_inc_range(entry.getBody().front().getOps<PackOp>()))
        keep(pack);
    if (auto prepare = getOperation().lookupSymbol<EntryOp>("prepare"))
      for (auto &[key, variable] : kept)
        packLoaded(prepare, variable);
    for (auto store :
         llvm::make_early_inc_range(update.getBody().front().getOps<StoreOp>()))
      for (auto &[key, variable] : kept)
        if (variable.getOf() == store.getVariable())
          packStored(store, variable);
  }

  void keep(PackOp pack) {
    auto load = pack.getValue().getDefiningOp<LoadOp>();
    if (!load)
      return;
    auto parameter =
        getOperation().lookupSymbol<VariableOp>(load.getVariableAttr());
    if (parameter.getRole() != Role::Parameter)
      return;
    Type type = pack.getResult().getType();
    VariableOp &variable = kept[{parameter, type}];
    if (!variable)
      variable = declare(parameter, cast<RankedTensorType>(type));
    OpBuilder builder(pack);
    Value loaded =
        LoadOp::create(builder, pack.getLoc(), type, variable.getSymName());
    pack.getResult().replaceAllUsesWith(loaded);
    pack.erase();
    if (load->use_empty())
      load.erase();
  }

  VariableOp declare(VariableOp parameter, RankedTensorType type) {
    auto packed = dyn_cast<PackedAttr>(type.getEncoding());
    std::string name = ("packed." + parameter.getSymName()).str();
    if (packed && packed.getTransposed())
      name += ".transposed";
    OpBuilder builder(parameter);
    builder.setInsertionPointAfter(parameter);
    return VariableOp::create(
        builder, parameter.getLoc(), name, type, Role::Packed,
        /*init=*/nullptr, FlatSymbolRefAttr::get(parameter.getSymNameAttr()),
        /*parameter_class=*/nullptr, /*lr_mult=*/nullptr, /*decay=*/nullptr);
  }

  void packLoaded(EntryOp prepare, VariableOp variable) {
    auto builder = OpBuilder::atBlockEnd(&prepare.getBody().front());
    auto parameter = getOperation().lookupSymbol<VariableOp>(*variable.getOf());
    Value loaded = LoadOp::create(builder, variable.getLoc(),
                                  parameter.getType(), parameter.getSymName());
    storePacked(builder, loaded, variable);
  }

  void packStored(StoreOp store, VariableOp variable) {
    OpBuilder builder(store);
    builder.setInsertionPointAfterValue(store.getValue());
    Operation *maker = store.getValue().getDefiningOp();
    PackOp pack = storePacked(builder, store.getValue(), variable);
    copySite(maker, pack);
    pack->removeDiscardableAttr("mixln.names");
  }

  PackOp storePacked(OpBuilder &builder, Value value, VariableOp variable) {
    Location loc = variable.getLoc();
    auto pack = PackOp::create(builder, loc, variable.getType(), value);
    setSite(pack, (*variable.getOf() + ".pack").str(), -1);
    StoreOp::create(builder, loc, pack, variable.getSymName());
    return pack;
  }

  /// By parameter and type.
  llvm::MapVector<std::pair<Operation *, Type>, VariableOp> kept;
};
} // namespace
