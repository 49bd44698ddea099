//===- Schedule.cpp - Loads, stores and order of an entry -----------------===//

#include "mixln/Transforms/Plan/Schedule.h"

#include "mixln/IR/Sites.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace mixln;

//===----------------------------------------------------------------------===//
// Variables
//===----------------------------------------------------------------------===//

void mixln::normalizeVariables(EntryOp entry) {
  Block &block = entry.getBody().front();
  llvm::MapVector<StringAttr, LoadOp> loads;
  llvm::MapVector<StringAttr, StoreOp> stores;
  for (Operation &op : llvm::make_early_inc_range(block)) {
    if (auto load = dyn_cast<LoadOp>(op)) {
      StringAttr name = load.getVariableAttr().getAttr();
      if (StoreOp store = stores.lookup(name)) {
        load.getResult().replaceAllUsesWith(store.getValue());
        load.erase();
        continue;
      }
      auto [it, isNew] = loads.insert({name, load});
      if (!isNew) {
        load.getResult().replaceAllUsesWith(it->second.getResult());
        load.erase();
      }
    } else if (auto store = dyn_cast<StoreOp>(op)) {
      StoreOp &last = stores[store.getVariableAttr().getAttr()];
      if (last)
        last.erase();
      last = store;
    }
  }
  for (auto [name, store] : stores) {
    auto load = store.getValue().getDefiningOp<LoadOp>();
    if (load && load.getVariableAttr().getAttr() == name)
      store.erase();
    else
      store->moveBefore(&block, block.end());
  }
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (op.use_empty() && (isa<LoadOp>(op) || isMemoryEffectFree(&op)))
      op.erase();
  SmallVector<LoadOp> remaining(block.getOps<LoadOp>());
  for (LoadOp load : llvm::reverse(remaining))
    load->moveBefore(&block, block.begin());
}

//===----------------------------------------------------------------------===//
// Order
//===----------------------------------------------------------------------===//

/// Whether all that `op` computes goes straight into variables whose old
/// values, if loaded, only `op` reads.
static bool isOnlyStored(Operation *op,
                         const llvm::DenseMap<StringAttr, LoadOp> &loads) {
  if (op->getNumResults() == 0)
    return false;
  for (OpResult result : op->getResults())
    for (Operation *user : result.getUsers()) {
      auto store = dyn_cast<StoreOp>(user);
      if (!store)
        return false;
      LoadOp load = loads.lookup(store.getVariableAttr().getAttr());
      if (load && llvm::any_of(load->getUsers(),
                               [&](Operation *reader) { return reader != op; }))
        return false;
    }
  return true;
}

void mixln::shortenLifetimes(EntryOp entry) {
  Block &block = entry.getBody().front();
  llvm::DenseMap<StringAttr, LoadOp> loads;
  for (auto load : block.getOps<LoadOp>())
    loads[load.getVariableAttr().getAttr()] = load;

  // What was moved behind an operation stays in its order there.
  llvm::DenseMap<Operation *, Operation *> lastMoved;
  for (Operation &op : llvm::make_early_inc_range(block)) {
    if (isa<LoadOp, StoreOp>(op) || !isOnlyStored(&op, loads))
      continue;
    Operation *ready = nullptr;
    for (Value operand : op.getOperands()) {
      Operation *definition = operand.getDefiningOp();
      if (!ready || ready->isBeforeInBlock(definition))
        ready = definition;
    }
    if (!ready || isa<LoadOp>(ready))
      continue;
    Operation *&anchor = lastMoved[ready];
    if (!anchor)
      anchor = ready;
    if (anchor->getNextNode() != &op)
      op.moveAfter(anchor);
    anchor = &op;
  }

  SmallVector<PackOp> packs(block.getOps<PackOp>());
  for (PackOp pack : packs) {
    Operation *first = nullptr;
    for (Operation *user : pack->getUsers())
      if (!first || user->isBeforeInBlock(first))
        first = user;
    if (first && !isa<StoreOp>(first) &&
        isa_and_nonnull<LoadOp>(pack.getValue().getDefiningOp()))
      pack->moveBefore(first);
  }
}

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

FailureOr<Value> mixln::buildCopy(OpBuilder &builder, Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  Location loc = value.getLoc();
  if (type.getEncoding())
    return emitError(loc) << "a packed value of type " << type
                          << " would have to be copied; store or use it once";
  Value flat = value;
  SmallVector<ReassociationIndices> groups;
  if (type.getRank() > 2) {
    groups.resize(2);
    for (int64_t i = 0; i < type.getRank(); ++i)
      groups[i + 1 == type.getRank()].push_back(i);
    flat = tensor::CollapseShapeOp::create(builder, loc, flat, groups);
  }
  auto flatType = cast<RankedTensorType>(flat.getType());
  // Integers have no rows: their elements are copied one by one.
  bool isRow =
      flatType.getRank() == 2 && !flatType.getElementType().isInteger(32);
  if (flatType.getRank() == 2 && !isRow) {
    groups.assign(1, {0, 1});
    flat = tensor::CollapseShapeOp::create(builder, loc, flat, groups);
    flatType = cast<RankedTensorType>(flat.getType());
  }
  AffineMap map = RowwiseOp::identityMap(builder.getContext(), 1);
  Type row = RowwiseOp::rowArgumentType(flatType, map);
  auto copy =
      RowwiseOp::create(builder, loc, flatType.getShape().take_front(1), flat,
                        ArrayRef<AffineMap>{}, ValueRange{}, ArrayRef<double>{},
                        TypeRange{row}, TypeRange{}, ArrayRef<AffineMap>{});
  copy.getResult(0).setType(flatType);
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToEnd(copy.getBodyBlock());
    YieldOp::create(builder, loc, copy.getRowArgument(0), ValueRange{});
  }
  setSite(copy, "copy");
  Value result = copy.getResult(0);
  if (result.getType() != type)
    result = tensor::ExpandShapeOp::create(builder, loc, type, result, groups);
  return result;
}
