//===- Placement.cpp - Places stored, joined and added-into values --------===//

#include "mixln/Transforms/Plan/Placement.h"

#include "mixln/Transforms/Plan/Schedule.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mixln;

namespace {
/// One attempt to place an entry, and the copies that make the next succeed.
class Placer {
public:
  Placer(EntryOp entry, Lifetimes &lifetimes, Storages &storages,
         KernelGenerator &kernels, GetBytes getBytes,
         llvm::SmallPtrSetImpl<Operation *> &isCopied)
      : block(entry.getBody().front()), lifetimes(lifetimes),
        storages(storages), kernels(kernels), getBytes(getBytes),
        isCopied(isCopied) {}

  /// Joins what must be joined; false if copies were inserted instead.
  FailureOr<bool> joinRequired();
  /// Joins what may be joined.
  void joinOptional();

private:
  LogicalResult joinStore(StoreOp store);
  LogicalResult isolateOldValue(StoreOp store);
  LogicalResult copyOperand(Operation *op, unsigned operand);

  Block &block;
  Lifetimes &lifetimes;
  Storages &storages;
  KernelGenerator &kernels;
  GetBytes getBytes;
  /// Stores whose value is a copy made for them.
  llvm::SmallPtrSetImpl<Operation *> &isCopied;
  bool hasCopied = false;
};
} // namespace

LogicalResult Placer::copyOperand(Operation *op, unsigned operand) {
  OpBuilder builder(op);
  FailureOr<Value> copy = buildCopy(builder, op->getOperand(operand));
  if (failed(copy))
    return failure();
  op->setOperand(operand, *copy);
  hasCopied = true;
  return success();
}

LogicalResult Placer::joinStore(StoreOp store) {
  auto module = store->getParentOfType<ModuleOp>();
  auto variable =
      module.lookupSymbol<VariableOp>(store.getVariableAttr().getAttr());
  unsigned base = lifetimes.getRootOf(variable);
  Place place = lifetimes.getPlace(store.getValue());
  if (lifetimes.getRoots()[place.root].bytes ==
          lifetimes.getRoots()[base].bytes &&
      place.root != base && storages.join(base, place.root, 0))
    return success();

  // Stores stand at the end of the entry: a copy there is made when nothing
  // but other copies reads the variable's old value.
  if (!isCopied.insert(store).second)
    return isolateOldValue(store);
  return copyOperand(store, 0);
}

/// Copies the variable's old value away as soon as the entry starts: what two
/// variables that exchange their values need.
LogicalResult Placer::isolateOldValue(StoreOp store) {
  for (auto load : block.getOps<LoadOp>()) {
    if (load.getVariableAttr() != store.getVariableAttr())
      continue;
    SmallVector<OpOperand *> uses;
    for (OpOperand &use : load.getResult().getUses())
      uses.push_back(&use);
    OpBuilder builder(load->getContext());
    builder.setInsertionPointAfter(load);
    FailureOr<Value> copy = buildCopy(builder, load.getResult());
    if (failed(copy))
      return failure();
    for (OpOperand *use : uses)
      use->set(*copy);
    hasCopied = true;
    return success();
  }
  return store.emitOpError("found no place for the value");
}

FailureOr<bool> Placer::joinRequired() {
  for (Operation &op : llvm::make_early_inc_range(block))
    for (unsigned result = 0; result < op.getNumResults(); ++result) {
      int operand = getTiedOperand(&op, result);
      if (operand >= 0 && !storages.joinInPlace(&op, operand, result) &&
          mustAddInPlace(&op, kernels) && failed(copyOperand(&op, operand)))
        return failure();
    }
  for (auto concat :
       llvm::make_early_inc_range(block.getOps<tensor::ConcatOp>())) {
    unsigned base = lifetimes.getPlace(concat.getResult()).root;
    int64_t start = 0;
    for (OpOperand &part : concat->getOpOperands()) {
      Place place = lifetimes.getPlace(part.get());
      int64_t bytes = getBytes(cast<RankedTensorType>(part.get().getType()));
      bool isWhole = lifetimes.getRoots()[place.root].bytes == bytes;
      if (!(isWhole && storages.join(base, place.root, start)) &&
          failed(copyOperand(concat, part.getOperandNumber())))
        return failure();
      start += bytes;
    }
  }
  for (auto store : llvm::make_early_inc_range(block.getOps<StoreOp>()))
    if (failed(joinStore(store)))
      return failure();
  return !hasCopied;
}

void Placer::joinOptional() {
  for (Operation &op : block) {
    if (!isKernel(&op))
      continue;
    for (unsigned result = 0; result < op.getNumResults(); ++result)
      for (unsigned operand = 0; operand < op.getNumOperands(); ++operand)
        if (storages.joinInPlace(&op, operand, result))
          break;
  }
}

FailureOr<PlacedEntry> mixln::placeEntry(EntryOp entry,
                                         KernelGenerator &kernels) {
  auto getBytes = [&](RankedTensorType type) { return kernels.getBytes(type); };
  InPlaceRules rules(kernels);
  llvm::SmallPtrSet<Operation *, 4> isCopied;
  while (true) {
    FailureOr<Lifetimes> lifetimes = Lifetimes::compute(entry, getBytes);
    if (failed(lifetimes))
      return failure();
    PlacedEntry placed;
    placed.lifetimes = std::make_unique<Lifetimes>(std::move(*lifetimes));
    placed.storages = std::make_unique<Storages>(*placed.lifetimes, rules);
    Placer placer(entry, *placed.lifetimes, *placed.storages, kernels, getBytes,
                  isCopied);
    FailureOr<bool> isPlaced = placer.joinRequired();
    if (failed(isPlaced))
      return failure();
    if (!*isPlaced)
      continue;
    placer.joinOptional();
    return placed;
  }
}
