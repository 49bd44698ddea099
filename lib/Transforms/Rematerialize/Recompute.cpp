//===- Recompute.cpp - Builds what is computed again ----------------------===//
//
//   %g, %u = mixln.matmul lhs(%h) rhs(%wg, %wu)
//   %p = mixln.rowwise rows(%g, %u) { yield rows(silu(%g) * %u) }
//   %f = mixln.matmul lhs(%p) rhs(%wd)
//   ...                                        // the turn
//   %dwd = mixln.matmul lhs(%df) rhs(%p) transpose_lhs
//   =>
//   ...
//   %p2 = mixln.rowwise rows(%g, %u) { ... } {mixln.site = "... again"}
//   %dwd = mixln.matmul lhs(%df) rhs(%p2) transpose_lhs
//
// Row programs in front of the turn and behind it are marked, so that joining
// does not undo this.
//
//===----------------------------------------------------------------------===//

#include "mixln/IR/Sites.h"
#include "mixln/Transforms/Rematerialize/Recomputation.h"
#include "mixln/Transforms/Rematerialize/RowParts.h"

#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace mixln;

namespace {
class Recomputer {
public:
  Recomputer(EntryOp entry, const Recomputation &graph)
      : graph(graph), builder(entry) {}

  void build(const Recomputation::Clone &clone);
  void rewire(const Recomputation::Clone &clone,
              const DenseMap<Operation *, int64_t> &positions);

private:
  Operation *copy(Operation *op);
  void buildRows(const Recomputation::Clone &clone);
  Value current(Value value) {
    Value found = again.lookup(value);
    return found ? found : value;
  }

  const Recomputation &graph;
  OpBuilder builder;
  DenseMap<Value, Value> again;
};
} // namespace

Operation *Recomputer::copy(Operation *op) {
  IRMapping mapping;
  for (Value operand : op->getOperands())
    mapping.map(operand, current(operand));
  Operation *made = builder.clone(*op, mapping);
  made->removeDiscardableAttr("mixln.names");
  if (StringRef site = getSite(op); !site.empty())
    setSite(made, (site + ".again").str(), getLayer(op));
  return made;
}

void Recomputer::buildRows(const Recomputation::Clone &clone) {
  auto op = cast<RowwiseOp>(clone.op);
  SmallVector<unsigned> results;
  for (unsigned node : clone.nodes)
    results.push_back(
        cast<OpResult>(graph.getNode(node).value).getResultNumber());
  llvm::sort(results);
  llvm::SetVector<unsigned> read;
  for (unsigned result : results) {
    RowSlice slice = sliceRowResult(op, result, [&](unsigned k) {
      return !llvm::is_contained(results, k);
    });
    read.insert_range(slice.results);
  }
  auto made = cast<RowwiseOp>(copy(op));
  SmallVector<StoredRow> stored;
  for (unsigned k : read)
    stored.push_back(
        {made.getYield().getRows()[k], current(op.getRowResults()[k])});
  made = readStoredRows(builder, made, stored, results, /*withSums=*/false);
  for (auto [i, result] : llvm::enumerate(results))
    again[op.getRowResults()[result]] = made->getResult(i);
}

void Recomputer::build(const Recomputation::Clone &clone) {
  builder.setInsertionPoint(graph.getOp(clone.position));
  if (isa<RowwiseOp>(clone.op))
    return buildRows(clone);
  Operation *made = copy(clone.op);
  for (unsigned node : clone.nodes) {
    Value value = graph.getNode(node).value;
    again[value] = made->getResult(cast<OpResult>(value).getResultNumber());
  }
}

void Recomputer::rewire(const Recomputation::Clone &clone,
                        const DenseMap<Operation *, int64_t> &positions) {
  for (unsigned node : clone.nodes) {
    Value value = graph.getNode(node).value;
    value.replaceUsesWithIf(again.lookup(value), [&](OpOperand &use) {
      auto found = positions.find(use.getOwner());
      return found != positions.end() && found->second > graph.getTurn();
    });
  }
}

void mixln::recompute(EntryOp entry, const Recomputation &graph,
                      const Recomputation::Outcome &outcome) {
  DenseMap<Operation *, int64_t> positions;
  for (auto [position, op] : llvm::enumerate(entry.getBody().front()))
    positions[&op] = static_cast<int64_t>(position);
  SmallVector<std::pair<int64_t, size_t>> order;
  for (auto [i, clone] : llvm::enumerate(outcome.clones))
    order.push_back({clone.position, i});
  llvm::sort(order);
  Recomputer recomputer(entry, graph);
  for (auto [position, i] : order)
    recomputer.build(outcome.clones[i]);
  for (const Recomputation::Clone &clone : outcome.clones)
    recomputer.rewire(clone, positions);
  auto unit = UnitAttr::get(entry.getContext());
  bool isBehind = false;
  for (Operation &op : entry.getBody().front()) {
    auto found = positions.find(&op);
    isBehind |= found == positions.end() || found->second > graph.getTurn();
    if (isBehind && isa<RowwiseOp>(op))
      op.setDiscardableAttr(kBehindTurn, unit);
  }
}
