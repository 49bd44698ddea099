//===- Chunks.cpp - mixln-chunk -------------------------------------------===//
//
// Before: a tensor of R rows, too big to keep, between operations that treat
// its rows alike.
//
//   %l = mixln.matmul lhs(%h) rhs(%w) transpose_rhs          // logits [R, V]
//   %d, %loss = mixln.rowwise [R] rows(%l) -> rows([R, V]) sums([1])
//   %dw = mixln.matmul lhs(%d) rhs(%h) transpose_lhs
//   %dh = mixln.matmul lhs(%d) rhs(%w)
//
// After: all of them for some rows, then for the next. Sums over rows go on
// from one chunk to the next, results of a row are put side by side.
//
//   %h0 = tensor.extract_slice %h[0, 0] [512, D] [1, 1]
//   %l0 = mixln.matmul lhs(%h0) rhs(%w) transpose_rhs        // [512, V]
//   %d0, %loss0 = mixln.rowwise [512] rows(%l0) -> rows([512, V]) sums([1])
//   %dw0 = mixln.matmul lhs(%d0) rhs(%h0) transpose_lhs
//   %dh0 = mixln.matmul lhs(%d0) rhs(%w)
//   %h1 = ...
//   %d1, %loss = mixln.rowwise [512] rows(%l1) into(0: %loss0) -> ...
//   %dw = mixln.matmul lhs(%d1) rhs(%h1) into(%dw0) transpose_lhs
//   ...
//   %dh = tensor.concat dim(0) %dh0, %dh1
//
//===----------------------------------------------------------------------===//

#include "mixln/IR/Sites.h"
#include "mixln/IR/TensorType.h"
#include "mixln/Transforms/Merge/EntryGraph.h"
#include "mixln/Transforms/Passes.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Remarks.h"
#include "llvm/ADT/EquivalenceClasses.h"

namespace mixln {
#define GEN_PASS_DEF_MIXLNCHUNK
#include "mixln/Transforms/Passes.h.inc"
} // namespace mixln

using namespace mlir;
using namespace mixln;

namespace {

int64_t bytesOf(Value value) {
  RankedTensorType type = typeOf(value);
  return type.getNumElements() * ((type.getElementTypeBitWidth() + 7) / 8);
}

/// How an operation treats its rows: which operands and results a chunk has a
/// slice of, and which results are sums over rows.
struct RowUse {
  int64_t rows = 0;
  llvm::SmallBitVector slicedOperands, sums;
};

/// A map that reads, at a point of the domain, the row of the point.
bool readsOwnRow(AffineMap map) {
  return map.getNumResults() > 0 &&
         map.getResult(0) == getAffineDimExpr(0, map.getContext()) &&
         llvm::none_of(map.getResults().drop_front(),
                       [](AffineExpr e) { return e.isFunctionOfDim(0); });
}

bool readsNoRow(AffineMap map) {
  return llvm::none_of(map.getResults(),
                       [](AffineExpr e) { return e.isFunctionOfDim(0); });
}

std::optional<RowUse> rowUseOf(Operation *op) {
  RowUse use;
  use.slicedOperands.resize(op->getNumOperands());
  use.sums.resize(op->getNumResults());
  if (auto rows = dyn_cast<RowwiseOp>(op)) {
    use.rows = rows.getDomain().front();
    for (unsigned i = 0; i < rows.getRows().size(); ++i) {
      AffineMap map = rows.getRowMap(i);
      if (readsOwnRow(map) &&
          typeOf(rows.getRows()[i]).getDimSize(0) == use.rows)
        use.slicedOperands.set(i);
      else if (!readsNoRow(map))
        return std::nullopt;
    }
    use.sums.set(rows.getRowResults().size(), op->getNumResults());
    return use;
  }
  if (auto matmul = dyn_cast<MatmulOp>(op)) {
    unsigned lhs = matmul.getLhs().size(), rhs = matmul.getRhs().size();
    use.rows = typeOf(matmul.getLhs().front()).getDimSize(0);
    use.slicedOperands.set(0, lhs);
    if (matmul.getTransposeLhs()) {
      if (matmul.getTransposeRhs())
        return std::nullopt;
      use.slicedOperands.set(lhs, lhs + rhs);
      use.sums.set();
    } else {
      use.slicedOperands.set(lhs + rhs, op->getNumOperands());
    }
    return use;
  }
  return std::nullopt;
}

/// Operations connected through big tensors, in block order.
class Cluster {
public:
  Cluster(ArrayRef<Operation *> ops, int64_t chunkRows)
      : ops(ops), members(llvm::from_range, ops), chunkRows(chunkRows) {}

  /// Why the operations cannot be repeated over slices of rows, if so.
  std::optional<std::string> whyNot(EntryGraph &graph);
  /// Repeats them; only after `whyNot` had no objection.
  void split(EntryGraph &graph);

private:
  /// Result `value` of a member is a sum over rows.
  bool isSum(Value value) {
    auto result = cast<OpResult>(value);
    return uses[result.getOwner()].sums[result.getResultNumber()];
  }
  void emitChunk(OpBuilder &builder, int64_t offset, int64_t rows);
  Operation *emit(OpBuilder &builder, Operation *op, ArrayRef<Value> operands,
                  int64_t rows);
  Value slice(OpBuilder &builder, Operation *user, Value value, int64_t offset,
              int64_t rows);

  SmallVector<Operation *> ops;
  llvm::SmallDenseSet<Operation *> members;
  int64_t chunkRows;
  DenseMap<Operation *, RowUse> uses;
  /// Of the chunk being built: the part of each row result, the slice of each
  /// outer value.
  DenseMap<Value, Value> parts;
  /// Of each sum so far.
  DenseMap<Value, Value> totals;
  /// The parts of row results that are read outside.
  llvm::MapVector<Value, SmallVector<Value>> collected;
};

std::optional<std::string> Cluster::whyNot(EntryGraph &graph) {
  int64_t rows = 0;
  for (Operation *op : ops) {
    std::optional<RowUse> use = rowUseOf(op);
    if (!use)
      return describe(op) + " does not treat its rows alike";
    if (rows && use->rows != rows)
      return describe(op) + " has " + std::to_string(use->rows) +
             " rows, others have " + std::to_string(rows);
    rows = use->rows;
    uses[op] = *use;
  }
  for (Operation *op : ops)
    for (auto [i, operand] : llvm::enumerate(op->getOperands()))
      if (members.contains(operand.getDefiningOp()) &&
          (isSum(operand) || !uses[op].slicedOperands[i]))
        return describe(op) + " needs all rows of " +
               describe(operand.getDefiningOp());
  // Nothing outside may depend on one member and be needed by another.
  llvm::SmallDenseSet<Operation *> dependent;
  for (Operation *op = ops.front(); op != ops.back()->getNextNode();
       op = op->getNextNode()) {
    Operation *found = nullptr;
    bool depends = false;
    graph.forEachPredecessor(op, [&](Operation *before) {
      if (dependent.contains(before))
        found = before;
      depends |= members.contains(before) || dependent.contains(before);
    });
    if (members.contains(op) && found)
      return describe(op) + " needs " + describe(found) +
             ", which needs all chunks";
    if (!members.contains(op) && depends)
      dependent.insert(op);
  }
  return std::nullopt;
}

Value Cluster::slice(OpBuilder &builder, Operation *user, Value value,
                     int64_t offset, int64_t rows) {
  Value &part = parts[value];
  if (part)
    return part;
  RankedTensorType type = typeOf(value);
  SmallVector<OpFoldResult> offsets(type.getRank(), builder.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(type.getRank(), builder.getIndexAttr(1));
  SmallVector<OpFoldResult> sizes;
  for (int64_t size : type.getShape())
    sizes.push_back(builder.getIndexAttr(size));
  offsets[0] = builder.getIndexAttr(offset);
  sizes[0] = builder.getIndexAttr(rows);
  auto op = tensor::ExtractSliceOp::create(builder, user->getLoc(), value,
                                           offsets, sizes, strides);
  copySite(user, op);
  op->removeDiscardableAttr("mixln.names");
  return part = op;
}

Operation *Cluster::emit(OpBuilder &builder, Operation *op,
                         ArrayRef<Value> operands, int64_t rows) {
  auto shrink = [&](Value value) -> Type {
    RankedTensorType type = typeOf(value);
    if (isSum(value))
      return type;
    SmallVector<int64_t> shape(type.getShape());
    shape[0] = rows;
    return type.clone(shape);
  };
  SmallVector<Value> all(operands);
  // Sums go on from those of the last chunk.
  auto matmul = dyn_cast<MatmulOp>(op);
  auto program = dyn_cast<RowwiseOp>(op);
  SmallVector<int64_t> intoSums;
  if (program) {
    for (auto [i, sum] : llvm::enumerate(program.getSumResults()))
      if (Value total = totals.lookup(sum)) {
        if (intoSums.empty())
          all.truncate(all.size() - program.getInto().size());
        intoSums.push_back(i);
        all.push_back(total);
      }
  } else if (matmul.getTransposeLhs() && totals.contains(op->getResult(0))) {
    all.truncate(all.size() - matmul.getInto().size());
    for (Value result : op->getResults())
      all.push_back(totals.lookup(result));
  }

  OperationState state(op->getLoc(), op->getName());
  state.addOperands(all);
  for (Value result : op->getResults())
    state.addTypes(shrink(result));
  state.addAttributes(llvm::to_vector(op->getDiscardableAttrs()));
  state.propertiesAttr = op->getPropertiesAsAttribute();
  for (Region &region : op->getRegions()) {
    IRMapping mapping;
    region.cloneInto(state.addRegion(), mapping);
  }
  Operation *made = builder.create(state);
  if (auto copy = dyn_cast<MatmulOp>(made)) {
    auto &segments = copy.getProperties().operandSegmentSizes;
    segments[2] = all.size() - segments[0] - segments[1];
  } else if (auto copy = dyn_cast<RowwiseOp>(made)) {
    SmallVector<int64_t> domain(copy.getDomain());
    domain[0] = rows;
    copy.setDomain(domain);
    if (!intoSums.empty()) {
      copy.setIntoSums(intoSums);
      copy.getProperties().operandSegmentSizes[2] = intoSums.size();
    }
  }
  return made;
}

void Cluster::emitChunk(OpBuilder &builder, int64_t offset, int64_t rows) {
  parts.clear();
  for (Operation *op : ops) {
    SmallVector<Value> operands;
    for (auto [i, operand] : llvm::enumerate(op->getOperands()))
      operands.push_back(uses[op].slicedOperands[i]
                             ? slice(builder, op, operand, offset, rows)
                             : operand);
    Operation *made = emit(builder, op, operands, rows);
    made->removeDiscardableAttr("mixln.names");
    for (auto [old, part] : llvm::zip(op->getResults(), made->getResults())) {
      if (isSum(old)) {
        totals[old] = part;
        continue;
      }
      parts[old] = part;
      if (llvm::any_of(old.getUsers(), [&](Operation *user) {
            return !members.contains(user);
          }))
        collected[old].push_back(part);
    }
  }
}

void Cluster::split(EntryGraph &graph) {
  Operation *last = ops.back();
  // What depends on members and stands between them goes behind them.
  llvm::SmallDenseSet<Operation *> dependent(members);
  SmallVector<Operation *> behind;
  for (Operation *op = ops.front(); op != last; op = op->getNextNode()) {
    bool depends = false;
    graph.forEachPredecessor(
        op, [&](Operation *before) { depends |= dependent.contains(before); });
    if (depends && !members.contains(op)) {
      dependent.insert(op);
      behind.push_back(op);
    }
  }
  for (Operation *op : llvm::reverse(behind))
    op->moveAfter(last);

  OpBuilder builder(last->getContext());
  builder.setInsertionPointAfter(last);
  int64_t rows = uses[last].rows;
  for (int64_t offset = 0; offset < rows; offset += chunkRows)
    emitChunk(builder, offset, std::min(chunkRows, rows - offset));

  auto replace = [](Value old, Value with) {
    StringRef name = getName(cast<OpResult>(old));
    if (!name.empty())
      setName(cast<OpResult>(with), name);
    old.replaceAllUsesWith(with);
  };
  for (auto &[old, chunks] : collected) {
    auto concat = tensor::ConcatOp::create(builder, old.getLoc(), old.getType(),
                                           /*dim=*/0, chunks);
    copySite(old.getDefiningOp(), concat);
    concat->removeDiscardableAttr("mixln.names");
    replace(old, concat);
  }
  for (auto [old, total] : totals)
    replace(old, total);
  for (Operation *op : llvm::reverse(ops))
    op->erase();
}

struct Chunk : mixln::impl::MixlnChunkBase<Chunk> {
  using MixlnChunkBase::MixlnChunkBase;

  void runOnOperation() override {
    if (rows <= 0) {
      getOperation().emitError() << "rows of a chunk is " << rows.getValue()
                                 << ", expected a positive number";
      return signalPassFailure();
    }
    for (auto entry : getOperation().getOps<EntryOp>())
      chunkEntry(entry);
  }

  void chunkEntry(EntryOp entry) {
    llvm::EquivalenceClasses<Operation *> classes;
    for (Operation &op : entry.getBody().front())
      for (Value result : op.getResults()) {
        if (isa<LoadOp>(op) || bytesOf(result) <= threshold ||
            typeOf(result).getDimSize(0) <= rows || isSumOverRows(result))
          continue;
        classes.insert(&op);
        for (Operation *user : result.getUsers())
          classes.unionSets(&op, user);
      }
    SmallVector<SmallVector<Operation *>> clusters;
    DenseMap<Operation *, unsigned> numberOf;
    for (Operation &op : entry.getBody().front()) {
      auto leader = classes.findLeader(&op);
      if (leader == classes.member_end())
        continue;
      auto [number, isNew] = numberOf.try_emplace(*leader, clusters.size());
      if (isNew)
        clusters.emplace_back();
      clusters[number->second].push_back(&op);
    }
    EntryGraph graph(entry);
    for (ArrayRef<Operation *> ops : clusters) {
      Cluster cluster(ops, rows);
      std::optional<std::string> reason = cluster.whyNot(graph);
      auto opts = remark::RemarkOpts::name(reason ? "NotChunked" : "Chunked")
                      .category("mixln-chunk")
                      .function(entry.getSymName());
      Location loc = ops.front()->getLoc();
      std::string names;
      for (Operation *op : ops)
        names += (names.empty() ? "" : ", ") + describe(op);
      if (reason) {
        if (auto missed = remark::missed(loc, opts))
          missed << names + ": " + *reason;
        continue;
      }
      if (auto passed = remark::passed(loc, opts))
        passed << names + ": " + std::to_string(rows) + " rows at a time";
      cluster.split(graph);
    }
  }

  /// Such a result has no rows to slice.
  bool isSumOverRows(Value value) {
    std::optional<RowUse> use = rowUseOf(value.getDefiningOp());
    return use && use->sums[cast<OpResult>(value).getResultNumber()];
  }
};

} // namespace
