//===- Join.cpp - Joining row programs ------------------------------------===//
//
// Two row programs become one where the second reads the first's rows, or both
// read the same rows:
//
//   %s = mixln.rowwise [8] rows(%x, %f) { ^bb0(%a, %b): yield rows(%a + %b) }
//   %h = mixln.rowwise [8] rows(%s) shared(%g) { ^bb0(%a, %w): yield
//   rows(norm(%a) * %w) }
//   =>
//   %s, %h = mixln.rowwise [8] rows(%x, %f) shared(%g) {
//     ^bb0(%a, %b, %w): yield rows(%a + %b, norm(%a + %b) * %w)
//   }
//
// They may not where another operation must run between them: then there is a
// path from the first to the second that leaves both.
//
//===----------------------------------------------------------------------===//

#include "mixln/Transforms/Merge/Join.h"
#include "mixln/IR/Sites.h"
#include "mixln/Transforms/Merge/EntryGraph.h"
#include "mixln/Transforms/Merge/Rows.h"

#include "mlir/IR/Remarks.h"

using namespace mlir;
using namespace mixln;

namespace {

/// How `b` reads a result of `a` in another way than row by row, if it does.
std::optional<std::string> readsOtherThanRows(RowwiseOp a, RowwiseOp b) {
  for (OpOperand &operand : b->getOpOperands()) {
    if (operand.get().getDefiningOp() != a)
      continue;
    unsigned result = cast<OpResult>(operand.get()).getResultNumber();
    if (result >= a.getRowResults().size())
      return "the second needs a sum over all rows of the first";
    if (operand.getOperandNumber() >= b.getRows().size())
      return "the second reads the first's result as a shared operand";
    if (!b.getRowMap(operand.getOperandNumber()).isIdentity())
      return "the second reads other rows of the first";
  }
  return std::nullopt;
}

/// How many tensors `a` and `b` would read and write as one program.
size_t tensorsOfBoth(RowwiseOp a, RowwiseOp b) {
  llvm::SmallDenseSet<Value> tensors;
  for (RowwiseOp op : {a, b}) {
    tensors.insert(op->operand_begin(), op->operand_end());
    tensors.insert(op->result_begin(), op->result_end());
  }
  for (Value result : a->getResults())
    if (llvm::all_of(result.getUsers(),
                     [&](Operation *user) { return user == b; }))
      tensors.erase(result);
  return tensors.size();
}

class Joiner {
public:
  Joiner(EntryOp entry, const JoinOptions &options)
      : entry(entry), options(options), graph(entry), builder(entry),
        simplifier(entry.getContext(), options.dropStopGradient) {}

  void run() {
    simplify();
    bool changed = true;
    while (changed) {
      changed = joinProducers();
      // Siblings only once no producer can be joined: a sibling could stand in
      // the way of one.
      if (!changed)
        changed = joinSiblings();
      if (changed)
        simplify();
    }
    reportMissed();
  }

private:
  void collect() {
    programs = llvm::to_vector(entry.getBody().front().getOps<RowwiseOp>());
  }

  /// Simplifies every program once in block order, which carries equal results
  /// on to their readers, and again from the end those whose results the
  /// simpler readers no longer need.
  void simplify() {
    eraseDeadOps(entry);
    // Erased loads must not stay in it.
    graph = EntryGraph(entry);
    collect();
    for (RowwiseOp &op : programs)
      op = simplifier.simplify(op);
    for (RowwiseOp &op : llvm::reverse(programs))
      if (op && llvm::any_of(op->getResults(),
                             [](Value result) { return result.use_empty(); }))
        op = simplifier.simplify(op);
    llvm::erase(programs, RowwiseOp());
  }

  /// Why `a` and the later `b` cannot be one program, if so.
  std::optional<std::string> whyNot(RowwiseOp a, RowwiseOp b) {
    if (a.getDomain() != b.getDomain())
      return "their domains differ";
    if (!options.fence.empty() &&
        a->hasAttr(options.fence) != b->hasAttr(options.fence))
      return "the second computes again what the first could have kept";
    if (auto reason = readsOtherThanRows(a, b))
      return reason;
    if (size_t count = tensorsOfBoth(a, b); count > options.mostTensors)
      return "together they would read and write " + std::to_string(count) +
             " tensors, the most is " + std::to_string(options.mostTensors);
    SmallVector<Operation *> path = graph.indirectPath(a, b);
    if (path.empty())
      return std::nullopt;
    auto heavy = llvm::find_if(path, isHeavy);
    return describe(heavy == path.end() ? path.front() : *heavy) +
           " must run between them";
  }

  RowwiseOp join(RowwiseOp a, RowwiseOp b, StringRef reason) {
    if (auto remark =
            remark::passed(b.getLoc(), remark::RemarkOpts::name("Joined")
                                           .category(options.category)
                                           .function(entry.getSymName())))
      remark << describe(a) + " and " + describe(b) + ": " + reason.str();
    graph.bringTogether(a, b);
    RowwiseOp joined = joinRows(builder, a, b);
    // The results of `b` stand where it stood, so the joined program does.
    for (RowwiseOp &op : programs)
      if (op == a)
        op = {};
      else if (op == b)
        op = joined;
    return joined;
  }

  /// The programs whose rows `b` reads, the last one first.
  SmallVector<RowwiseOp> producersOf(RowwiseOp b) {
    llvm::SetVector<RowwiseOp> found;
    for (Value operand : b.getOperands())
      if (auto a = operand.getDefiningOp<RowwiseOp>())
        found.insert(a);
    SmallVector<RowwiseOp> producers = found.takeVector();
    llvm::sort(producers,
               [](RowwiseOp x, RowwiseOp y) { return y->isBeforeInBlock(x); });
    return producers;
  }

  bool joinProducers() {
    bool changed = false;
    for (unsigned i = 0; i < programs.size(); ++i) {
      bool again = true;
      while (again && programs[i]) {
        again = false;
        for (RowwiseOp a : producersOf(programs[i]))
          if (!whyNot(a, programs[i])) {
            join(a, programs[i], "the second reads the first's rows");
            changed = again = true;
            break;
          }
      }
    }
    llvm::erase(programs, RowwiseOp());
    return changed;
  }

  /// Whether `b` may run as early as `a`: not if that only keeps its results
  /// for longer.
  bool mayRunEarly(RowwiseOp a, RowwiseOp b) {
    if (getLayer(a) < 0 || getLayer(b) < 0 || getLayer(a) == getLayer(b))
      return true;
    auto bytes = [](Value value) {
      auto type = cast<RankedTensorType>(value.getType());
      return type.getNumElements() * type.getElementTypeBitWidth() / 8;
    };
    int64_t kept = 0, freed = 0;
    for (Value result : b.getRowResults())
      kept += bytes(result);
    for (Value operand : b.getRows())
      if (llvm::all_of(operand.getUsers(), [&](Operation *user) {
            return user == b || user->isBeforeInBlock(b);
          }))
        freed += bytes(operand);
    return kept <= freed;
  }

  bool shareRows(RowwiseOp a, RowwiseOp b) {
    for (auto [i, x] : llvm::enumerate(a.getRows()))
      for (auto [j, y] : llvm::enumerate(b.getRows()))
        if (x == y && a.getRowMap(i) == b.getRowMap(j) &&
            cast<RankedTensorType>(x.getType()).getRank() > 1)
          return true;
    return false;
  }

  bool joinSiblings() {
    bool changed = false;
    for (unsigned j = 0; j < programs.size(); ++j) {
      RowwiseOp b = programs[j];
      if (!b)
        continue;
      llvm::SetVector<RowwiseOp> siblings;
      for (Value operand : b.getRows())
        for (Operation *user : operand.getUsers())
          if (auto a = dyn_cast<RowwiseOp>(user))
            if (a != b && a->isBeforeInBlock(b) && shareRows(a, b))
              siblings.insert(a);
      for (RowwiseOp a : siblings)
        if (!whyNot(a, b) && mayRunEarly(a, b)) {
          join(a, b, "both read the same rows");
          changed = true;
          break;
        }
    }
    llvm::erase(programs, RowwiseOp());
    return changed;
  }

  void reportMissed() {
    if (!entry.getContext()->getRemarkEngine())
      return;
    for (RowwiseOp b : programs) {
      llvm::SetVector<RowwiseOp> producers;
      for (Value operand : b.getOperands())
        if (auto a =
                dyn_cast_or_null<RowwiseOp>(getProducerBehindReshapes(operand)))
          producers.insert(a);
      for (RowwiseOp a : producers)
        if (auto reason = whyNot(a, b))
          if (auto remark = remark::missed(b.getLoc(),
                                           remark::RemarkOpts::name("NotJoined")
                                               .category(options.category)
                                               .function(entry.getSymName())))
            remark << describe(a) + " and " + describe(b) + ": " + *reason;
    }
  }

  EntryOp entry;
  const JoinOptions &options;
  EntryGraph graph;
  OpBuilder builder;
  RowSimplifier simplifier;
  SmallVector<RowwiseOp> programs;
};

} // namespace

void mixln::joinRowPrograms(EntryOp entry, const JoinOptions &options) {
  mergeLoads(entry);
  eraseDeadOps(entry);
  Joiner(entry, options).run();
  eraseDeadOps(entry);
}
