//===- Recomputation.cpp - What an entry could compute again --------------===//

#include "mixln/Transforms/Rematerialize/Recomputation.h"

#include "mixln/Analysis/Cost.h"
#include "mixln/Analysis/Lifetimes.h"
#include "mixln/IR/Sites.h"
#include "mixln/IR/TensorType.h"
#include "mixln/Transforms/Plan/Arena.h"
#include "mixln/Transforms/Plan/PlanMemory.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringSet.h"

#include <functional>

using namespace mlir;
using namespace mixln;

//===----------------------------------------------------------------------===//
// Row results
//===----------------------------------------------------------------------===//

/// Whether reading the stored row gives what the body computed.
static bool isStoredExactly(RowwiseOp op, unsigned result) {
  return typeOf(op.getRowResults()[result]).getElementType().isF32();
}

RowSlice mixln::sliceRowResult(RowwiseOp op, unsigned result,
                               function_ref<bool(unsigned)> isStored) {
  auto yielded = op.getYield().getRows();
  llvm::SmallDenseMap<Value, unsigned> stored;
  for (unsigned k = 0; k < yielded.size(); ++k)
    if (k != result && isStored(k) && isStoredExactly(op, k) &&
        (yielded[k] != yielded[result] || !isStoredExactly(op, result)))
      stored.try_emplace(yielded[k], k);
  llvm::SetVector<BlockArgument> arguments;
  llvm::SetVector<unsigned> results;
  llvm::SmallDenseSet<Value> seen;
  SmallVector<Value> work = {yielded[result]};
  while (!work.empty()) {
    Value value = work.pop_back_val();
    if (!seen.insert(value).second)
      continue;
    if (auto found = stored.find(value); found != stored.end())
      results.insert(found->second);
    else if (auto argument = dyn_cast<BlockArgument>(value))
      arguments.insert(argument);
    else
      llvm::append_range(work, value.getDefiningOp()->getOperands());
  }
  return {arguments.takeVector(), results.takeVector()};
}

//===----------------------------------------------------------------------===//
// Nodes
//===----------------------------------------------------------------------===//

/// Whether a result of `op` lies over what it adds to, which is gone then.
static bool addsToAnOperand(Operation *op) {
  return llvm::any_of(llvm::seq(op->getNumResults()), [&](unsigned result) {
    return getTiedOperand(op, result) >= 0;
  });
}

Recomputation::Recomputation(EntryOp entry, KernelGenerator &kernels)
    : kernels(kernels), rules(kernels) {
  addNodes(entry);
  addNeeds();
  findTurn();
}

void Recomputation::addNodes(EntryOp entry) {
  auto module = entry->getParentOfType<ModuleOp>();
  llvm::StringSet<> loaded, stored;
  for (Operation &op : entry.getBody().front()) {
    if (auto load = dyn_cast<LoadOp>(op))
      loaded.insert(load.getVariable());
    if (auto store = dyn_cast<StoreOp>(op))
      stored.insert(store.getVariable());
  }
  // A variable that the entry only writes has its bytes from then on.
  auto shared = findSharedVariables(module, kernels);
  for (auto variable : module.getOps<VariableOp>()) {
    int64_t bytes = alignArena(
        kernels.getBytes(cast<RankedTensorType>(variable.getType())));
    if (loaded.contains(variable.getSymName()) ||
        (!shared.contains(variable) && !stored.contains(variable.getSymName())))
      variableBytes += bytes;
  }

  for (Operation &op : entry.getBody().front()) {
    int64_t position = static_cast<int64_t>(ops.size());
    ops.push_back(&op);
    workspaces.push_back(
        isKernel(&op) ? alignArena(kernels.getLaunch(&op).workspaceBytes) : 0);
    Cost cost = getCost(&op);
    totalWork += cost.flops + kWorkPerByte * cost.bytes;
    for (OpOperand &operand : op.getOpOperands()) {
      auto &uses = nodes[numbers.lookup(operand.get())].uses;
      if (uses.empty() || uses.back() != position)
        uses.push_back(position);
    }
    if (auto store = dyn_cast<StoreOp>(op)) {
      RecomputeNode &node = nodes[nodes[numbers.lookup(store.getValue())].root];
      node.isStored = true;
      // In place of what the variable held.
      if (loaded.contains(store.getVariable()))
        node.bytes = 0;
    }
    for (OpResult result : op.getResults()) {
      RecomputeNode node;
      node.value = result;
      node.op = &op;
      node.position = position;
      node.root = nodes.size();
      node.isVariable = isa<LoadOp>(op);
      if (isView(&op))
        node.root = nodes[numbers.lookup(op.getOperand(0))].root;
      else if (!node.isVariable)
        node.bytes = alignArena(kernels.getBytes(typeOf(result)));
      node.canRecompute =
          isView(&op) || (isKernel(&op) && !addsToAnOperand(&op));
      if (auto rows = dyn_cast<RowwiseOp>(op))
        node.canRecompute &=
            result.getResultNumber() < rows.getRowResults().size();
      for (Value operand : op.getOperands())
        if (auto load = operand.getDefiningOp<LoadOp>())
          node.canRecompute &= !stored.contains(load.getVariable());
      numbers[result] = nodes.size();
      nodes.push_back(node);
    }
  }
  // What a sum that lies in a variable went on from lies there too.
  for (RecomputeNode &node : llvm::reverse(nodes)) {
    if (!node.op || node.bytes != 0 || node.isVariable || isView(node.op))
      continue;
    int tied =
        getTiedOperand(node.op, cast<OpResult>(node.value).getResultNumber());
    if (tied >= 0)
      nodes[nodes[numbers.lookup(node.op->getOperand(tied))].root].bytes = 0;
  }
}

void Recomputation::addNeeds() {
  for (RecomputeNode &node : nodes) {
    Cost cost = getCost(node.op);
    node.work = cost.flops + kWorkPerByte * cost.bytes;
    auto rows = dyn_cast<RowwiseOp>(node.op);
    unsigned result = cast<OpResult>(node.value).getResultNumber();
    if (!rows || result >= rows.getRowResults().size()) {
      for (Value operand : node.op->getOperands())
        node.needs.push_back(numbers.lookup(operand));
      continue;
    }
    RowSlice slice =
        sliceRowResult(rows, result, [](unsigned) { return true; });
    for (BlockArgument argument : slice.arguments)
      if (argument.getArgNumber() <
          rows.getRows().size() + rows.getShared().size())
        node.needs.push_back(
            numbers.lookup(rows->getOperand(argument.getArgNumber())));
    for (unsigned k : slice.results)
      node.needs.push_back(numbers.lookup(rows.getRowResults()[k]));
    int64_t bytes = node.bytes;
    for (unsigned needed : node.needs)
      bytes += kernels.getBytes(typeOf(nodes[needed].value));
    node.work = kWorkPerByte * static_cast<double>(bytes);
  }
}

bool Recomputation::isReadBehindTurn(unsigned node) const {
  return nodes[node].position <= turn && !nodes[node].uses.empty() &&
         nodes[node].uses.back() > turn;
}

void Recomputation::findTurn() {
  turn = static_cast<int64_t>(ops.size());
  usedBehindTurn.resize(nodes.size());
  turn = evaluate(llvm::BitVector(nodes.size())).position;
  lastBefore.assign(nodes.size(), 0);
  firstBehind.assign(nodes.size(), std::numeric_limits<int64_t>::max());
  for (unsigned i = 0; i < nodes.size(); ++i) {
    const RecomputeNode &node = nodes[i];
    if (isReadBehindTurn(i))
      usedBehindTurn.set(node.root);
    int64_t &before = lastBefore[node.root], &behind = firstBehind[node.root];
    before = std::max(before, node.position);
    for (int64_t use : node.uses)
      if (use <= turn)
        before = std::max(before, use);
      else
        behind = std::min(behind, use);
  }
  for (unsigned i = 0; i < nodes.size(); ++i) {
    const RecomputeNode &node = nodes[i];
    if (usedBehindTurn[i] && node.position <= turn && node.root == i &&
        node.canRecompute && node.bytes > 0 && !node.isStored)
      candidates.push_back(i);
  }
}

//===----------------------------------------------------------------------===//
// A choice
//===----------------------------------------------------------------------===//

bool Recomputation::isKept(unsigned root, const llvm::BitVector &again) const {
  const RecomputeNode &node = nodes[root];
  return node.isVariable || node.position > turn || !node.canRecompute ||
         node.isStored || (usedBehindTurn[root] && !again[root]);
}

void Recomputation::need(unsigned node, const llvm::BitVector &again,
                         llvm::BitVector &cloned) const {
  SmallVector<unsigned> work = {node};
  while (!work.empty()) {
    unsigned next = work.pop_back_val();
    if (nodes[next].position > turn || isKept(nodes[next].root, again) ||
        cloned[next])
      continue;
    cloned.set(next);
    llvm::append_range(work, nodes[next].needs);
  }
}

void Recomputation::placeClones(Outcome &outcome,
                                const llvm::BitVector &cloned) const {
  llvm::SmallDenseMap<Operation *, unsigned> cloneOf;
  for (unsigned i : cloned.set_bits()) {
    auto [it, isNew] = cloneOf.try_emplace(nodes[i].op, outcome.clones.size());
    if (isNew)
      outcome.clones.push_back(
          {nodes[i].op, {}, static_cast<int64_t>(ops.size())});
    outcome.clones[it->second].nodes.push_back(i);
  }
  // Each before its first reader; those stand later in the forward too.
  for (Clone &clone : llvm::reverse(outcome.clones)) {
    bool isPartOfRows = isa<RowwiseOp>(clone.op);
    double work = 0;
    for (unsigned i : clone.nodes) {
      for (int64_t use : nodes[i].uses)
        if (use > turn)
          clone.position = std::min(clone.position, use);
      work = isPartOfRows ? work + nodes[i].work : nodes[i].work;
    }
    outcome.work += work;
    for (unsigned i : clone.nodes)
      for (unsigned needed : nodes[i].needs)
        if (cloned[needed] && nodes[needed].op != clone.op) {
          Clone &before = outcome.clones[cloneOf.lookup(nodes[needed].op)];
          before.position = std::min(before.position, clone.position);
        }
  }
}

namespace {
/// When the bytes of a node hold something, in steps of the new list.
struct Span {
  int64_t begin = -1, end = -1;
  void use(int64_t time) { end = std::max(end, time); }
};
} // namespace

void Recomputation::measure(Outcome &outcome,
                            const llvm::BitVector &cloned) const {
  // The new list: clones before the operation at their position.
  std::vector<int64_t> timeOf(ops.size());
  std::vector<int64_t> timeOfClone(outcome.clones.size());
  std::vector<unsigned> order(outcome.clones.size());
  for (unsigned i = 0; i < order.size(); ++i)
    order[i] = i;
  llvm::sort(order, [&](unsigned a, unsigned b) {
    return std::pair(outcome.clones[a].position, a) <
           std::pair(outcome.clones[b].position, b);
  });
  int64_t time = 0;
  std::vector<int64_t> positionOf;
  size_t next = 0;
  for (int64_t position = 0; position < static_cast<int64_t>(ops.size());
       ++position) {
    for (; next < order.size() &&
           outcome.clones[order[next]].position == position;
         ++next) {
      timeOfClone[order[next]] = time++;
      positionOf.push_back(position);
    }
    timeOf[position] = time++;
    positionOf.push_back(position);
  }

  std::vector<Span> spans(nodes.size()), again(nodes.size());
  int64_t last = time;
  for (unsigned i = 0; i < nodes.size(); ++i) {
    const RecomputeNode &node = nodes[i];
    if (node.root == i)
      spans[i].begin = timeOf[node.position];
    spans[i].use(timeOf[node.position]);
    if (node.isStored)
      spans[i].use(last);
    for (int64_t use : node.uses) {
      // The parts of a concatenation are its bytes from then on.
      int64_t at = timeOf[use] - isa<tensor::ConcatOp>(ops[use]);
      if (use > turn && cloned[i])
        again[node.root].use(at);
      else
        spans[node.root].use(at);
    }
  }
  for (auto [clone, at] : llvm::zip(outcome.clones, timeOfClone))
    for (unsigned i : clone.nodes) {
      if (nodes[i].root == i)
        again[i].begin = at;
      again[nodes[i].root].use(at);
      for (unsigned needed : nodes[i].needs)
        (cloned[needed] ? again : spans)[nodes[needed].root].use(at);
    }

  // Results that lie over an operand that ends there begin one step later.
  std::vector<int64_t> change(last + 2, 0);
  for (unsigned i = 0; i < nodes.size(); ++i) {
    const RecomputeNode &node = nodes[i];
    if (node.root != i || node.bytes == 0)
      continue;
    int64_t begin = spans[i].begin;
    unsigned result = cast<OpResult>(node.value).getResultNumber();
    if (isKernel(node.op))
      for (unsigned k = 0; k < node.op->getNumOperands(); ++k) {
        unsigned operand = numbers.lookup(node.op->getOperand(k));
        unsigned root = nodes[operand].root;
        int64_t end = node.position > turn && cloned[operand] ? again[root].end
                                                              : spans[root].end;
        if (nodes[root].bytes == node.bytes && end == begin &&
            rules.allows(node.op, k, result)) {
          ++begin;
          break;
        }
      }
    change[begin] += node.bytes;
    change[spans[i].end + 1] -= node.bytes;
    if (again[i].begin >= 0) {
      change[again[i].begin] += node.bytes;
      change[again[i].end + 1] -= node.bytes;
    }
  }
  for (size_t position = 0; position < ops.size(); ++position) {
    change[timeOf[position]] += workspaces[position];
    change[timeOf[position] + 1] -= workspaces[position];
  }
  int64_t live = variableBytes;
  for (int64_t at = 0; at < last; ++at) {
    live += change[at];
    if (live > outcome.peak) {
      outcome.peak = live;
      outcome.position = positionOf[at];
    }
  }
}

llvm::BitVector Recomputation::getCloned(const llvm::BitVector &again) const {
  llvm::BitVector cloned(nodes.size());
  for (unsigned i = 0; i < nodes.size(); ++i)
    if (isReadBehindTurn(i))
      need(i, again, cloned);
  return cloned;
}

Recomputation::Outcome
Recomputation::evaluate(const llvm::BitVector &again) const {
  Outcome outcome;
  llvm::BitVector cloned = getCloned(again);
  placeClones(outcome, cloned);
  measure(outcome, cloned);
  return outcome;
}

double Recomputation::getAddedWork(const llvm::BitVector &again,
                                   const llvm::BitVector &cloned,
                                   unsigned node) const {
  llvm::BitVector with(again), all(cloned);
  with.set(node);
  need(node, with, all);
  double work = 0;
  llvm::SmallDenseSet<Operation *> counted;
  all.reset(cloned);
  for (unsigned i : all.set_bits())
    if (isa<RowwiseOp>(nodes[i].op) || counted.insert(nodes[i].op).second)
      work += nodes[i].work;
  return work;
}

bool Recomputation::isIdleAt(unsigned node, int64_t position) const {
  return lastBefore[node] < position && position < firstBehind[node];
}

//===----------------------------------------------------------------------===//
// The narrowest places
//===----------------------------------------------------------------------===//

llvm::BitVector Recomputation::keepNarrowest() const {
  // What the backward needs of the forward, as if nothing were kept; in an
  // order in which each value follows what it is computed from (results of one
  // row program may be computed from each other).
  llvm::BitVector forward =
      getCloned(llvm::BitVector(nodes.size(), /*t=*/true));
  SmallVector<unsigned> order;
  llvm::BitVector done(nodes.size());
  std::function<void(unsigned)> visit = [&](unsigned i) {
    if (!forward[i] || done[i])
      return;
    done.set(i);
    for (unsigned needed : nodes[i].needs)
      if (nodes[needed].op == nodes[i].op)
        visit(needed);
    order.push_back(i);
  };
  for (unsigned i : forward.set_bits())
    visit(i);
  std::vector<size_t> lastReader(nodes.size(), 0);
  for (auto [at, i] : llvm::enumerate(order))
    for (unsigned needed : nodes[i].needs)
      lastReader[nodes[needed].root] = at;

  struct Place {
    int64_t bytes = std::numeric_limits<int64_t>::max();
    SmallVector<unsigned> crossing;
  };
  std::map<int64_t, Place> narrowest;
  llvm::SetVector<unsigned> live;
  for (auto [at, i] : llvm::enumerate(order)) {
    if (nodes[i].root == i)
      live.insert(i);
    live.remove_if([&](unsigned root) { return lastReader[root] <= at; });
    int64_t bytes = 0;
    for (unsigned root : live)
      bytes += nodes[root].bytes;
    int64_t layer = getLayer(nodes[i].op);
    if (layer < 0 || bytes == 0 ||
        llvm::any_of(
            live, [&](unsigned root) { return !usedBehindTurn[root]; }))
      continue;
    Place &place = narrowest[layer];
    if (bytes < place.bytes)
      place = {bytes, llvm::to_vector(live)};
  }
  llvm::BitVector again(nodes.size());
  for (unsigned i : candidates)
    again.set(i);
  for (auto &[layer, place] : narrowest)
    for (unsigned root : place.crossing)
      again.reset(root);
  return again;
}
