//===- EntryGraph.cpp - What depends on what in an entry ------------------===//

#include "mixln/Transforms/Merge/EntryGraph.h"
#include "mixln/IR/Sites.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mixln;

bool mixln::isHeavy(Operation *op) {
  return isa<MatmulOp, AttentionOp, AttentionGradOp, AttentionStepOp,
             EmbeddingOp, EmbeddingGradOp>(op);
}

std::string mixln::describe(Operation *op) {
  StringRef site = getSite(op);
  return (site.empty() ? op->getName().getStringRef() : site).str();
}

Operation *mixln::getProducerBehindReshapes(Value value) {
  Operation *op = value.getDefiningOp();
  while (isa_and_nonnull<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op))
    op = op->getOperand(0).getDefiningOp();
  return op;
}

EntryGraph::EntryGraph(EntryOp entry) {
  struct Accesses {
    Operation *store = nullptr;
    SmallVector<Operation *, 2> loads;
  };
  DenseMap<StringAttr, Accesses> variables;
  for (Operation &op : entry.getBody().front()) {
    if (auto load = dyn_cast<LoadOp>(op)) {
      Accesses &seen = variables[load.getVariableAttr().getAttr()];
      if (seen.store)
        accessedBefore[load].push_back(seen.store);
      seen.loads.push_back(load);
    } else if (auto store = dyn_cast<StoreOp>(op)) {
      Accesses &seen = variables[store.getVariableAttr().getAttr()];
      SmallVector<Operation *, 2> before = std::move(seen.loads);
      if (seen.store)
        before.push_back(seen.store);
      if (!before.empty())
        accessedBefore[store] = std::move(before);
      seen = {store, {}};
    }
  }
}

void EntryGraph::forEachPredecessor(
    Operation *op, llvm::function_ref<void(Operation *)> visit) {
  for (Value operand : op->getOperands())
    if (Operation *producer = operand.getDefiningOp())
      visit(producer);
  auto found = accessedBefore.find(op);
  if (found != accessedBefore.end())
    for (Operation *access : found->second)
      visit(access);
}

SmallVector<Operation *> EntryGraph::dependentsBetween(Operation *a,
                                                       Operation *b) {
  llvm::SmallDenseSet<Operation *> dependent = {a};
  SmallVector<Operation *> result;
  for (Operation *op = a->getNextNode(); op && op != b;
       op = op->getNextNode()) {
    bool depends = false;
    forEachPredecessor(
        op, [&](Operation *before) { depends |= dependent.contains(before); });
    if (depends) {
      dependent.insert(op);
      result.push_back(op);
    }
  }
  return result;
}

SmallVector<Operation *> EntryGraph::indirectPath(Operation *a, Operation *b) {
  // The predecessor through which each dependent of `a` was found.
  llvm::SmallDenseMap<Operation *, Operation *> via;
  auto findVia = [&](Operation *op) {
    Operation *found = nullptr;
    forEachPredecessor(op, [&](Operation *before) {
      if (via.contains(before) && (!found || isHeavy(before)))
        found = before;
    });
    return found;
  };
  via[a] = nullptr;
  for (Operation *op = a->getNextNode(); op && op != b; op = op->getNextNode())
    if (Operation *before = findVia(op))
      via[op] = before;
  via.erase(a);
  SmallVector<Operation *> path;
  for (Operation *op = findVia(b); op && op != a; op = via.lookup(op))
    path.push_back(op);
  std::reverse(path.begin(), path.end());
  return path;
}

void EntryGraph::bringTogether(Operation *a, Operation *b) {
  SmallVector<Operation *> after = dependentsBetween(a, b);
  if (after.empty()) {
    a->moveBefore(b);
    return;
  }
  // What `b` needs of the operations between: found backwards.
  llvm::SmallDenseSet<Operation *> needed;
  auto need = [&](Operation *op) { needed.insert(op); };
  forEachPredecessor(b, need);
  SmallVector<Operation *> before;
  for (Operation *op = b->getPrevNode(); op != a; op = op->getPrevNode())
    if (needed.contains(op)) {
      before.push_back(op);
      forEachPredecessor(op, need);
    }
  if (before.size() < after.size()) {
    for (Operation *op : llvm::reverse(before))
      op->moveBefore(a);
    b->moveAfter(a);
    return;
  }
  a->moveBefore(b);
  for (Operation *op : llvm::reverse(after))
    op->moveAfter(b);
}

void mixln::mergeLoads(EntryOp entry) {
  DenseMap<StringAttr, LoadOp> loads;
  for (Operation &op : llvm::make_early_inc_range(entry.getBody().front())) {
    if (auto store = dyn_cast<StoreOp>(op)) {
      loads.erase(store.getVariableAttr().getAttr());
    } else if (auto load = dyn_cast<LoadOp>(op)) {
      // Two loads whose gradients are measured stay two.
      if (llvm::any_of(load->getUsers(), llvm::IsaPred<MeasureAtOp>))
        continue;
      LoadOp &known = loads[load.getVariableAttr().getAttr()];
      if (!known) {
        known = load;
        continue;
      }
      load.getResult().replaceAllUsesWith(known.getResult());
      load.erase();
    }
  }
}

void mixln::eraseDeadOps(EntryOp entry) {
  for (Operation &op :
       llvm::make_early_inc_range(llvm::reverse(entry.getBody().front())))
    if (op.use_empty() && !isa<StoreOp>(op) && (isa<LoadOp>(op) || isPure(&op)))
      op.erase();
}
