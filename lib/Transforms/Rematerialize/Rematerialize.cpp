//===- Rematerialize.cpp - mixln-rematerialize ----------------------------===//
//
// Before: values of the forward wait for the backward.
//
//   %p = mixln.rowwise rows(%g, %u) { ... }      // SwiGLU
//   %f = mixln.matmul lhs(%p) rhs(%w)
//   ...                                          // the loss head: the turn
//   %dp = mixln.matmul lhs(%df) rhs(%w2)
//   %dw = mixln.matmul lhs(%df) rhs(%p) transpose_lhs
//   %dg, %du = mixln.rowwise rows(%g, %u, %dp) { ... }
//
// After: they are computed again there, joined with what reads the same rows.
//
//   %p = mixln.rowwise rows(%g, %u) { ... }
//   %f = mixln.matmul lhs(%p) rhs(%w)
//   ...
//   %dp = mixln.matmul lhs(%df) rhs(%w2)
//   %dg, %du, %p2 = mixln.rowwise rows(%g, %u, %dp) { ... }
//   %dw = mixln.matmul lhs(%df) rhs(%p2) transpose_lhs
//
// Which values: always those that are cheap (a byte freed costs at most a few
// bytes moved); with checkpoints all but the narrowest place of each layer; for
// a limit those whose work is least for the bytes that they free, until the
// plan fits. A value counts only while it lowers the peak. Numbers do not
// change: a row's value does not depend on the program that computes it.
//
//===----------------------------------------------------------------------===//

#include "mixln/Transforms/Rematerialize/Rematerialize.h"

#include "mixln/IR/Sites.h"
#include "mixln/Transforms/Merge/EntryGraph.h"
#include "mixln/Transforms/Merge/Join.h"
#include "mixln/Transforms/Passes.h"
#include "mixln/Transforms/Plan/PlanMemory.h"
#include "mixln/Transforms/Plan/ReferenceKernels.h"
#include "mixln/Transforms/Plan/Schedule.h"
#include "mixln/Transforms/Rematerialize/Recomputation.h"

#include "mlir/IR/Remarks.h"

namespace mixln {
#define GEN_PASS_DEF_MIXLNREMATERIALIZE
#include "mixln/Transforms/Passes.h.inc"
} // namespace mixln

using namespace mlir;
using namespace mixln;

/// Work for each byte freed up to which a value is not worth keeping: four
/// bytes moved. A norm's output costs two, a product of two rows three.
static constexpr double kCheapWork = 4 * kWorkPerByte;

namespace {
/// Looks for the values to compute again.
class Chooser {
public:
  explicit Chooser(const Recomputation &graph)
      : graph(graph), again(graph.getNumNodes()) {}

  /// Adds candidates, the cheapest for their bytes first, while each lowers
  /// the peak, until that is at most `target`. Only those up to `mostWork` for
  /// each byte.
  void lower(int64_t target, double mostWork);
  /// Drops candidates whose copies take more room than they free.
  void dropHarmful();
  /// Drops candidates, the dearest first, that `target` does not need.
  void trim(int64_t target);

  const Recomputation &graph;
  llvm::BitVector again;
};
} // namespace

void Chooser::lower(int64_t target, double mostWork) {
  llvm::BitVector refused(again.size());
  Recomputation::Outcome now = graph.evaluate(again);
  while (now.peak > target) {
    llvm::BitVector cloned = graph.getCloned(again);
    std::optional<unsigned> best;
    double leastWork = mostWork;
    for (unsigned i : graph.getCandidates()) {
      if (again[i] || refused[i] || !graph.isIdleAt(i, now.position))
        continue;
      double work = graph.getAddedWork(again, cloned, i) /
                    static_cast<double>(graph.getNode(i).bytes);
      if (work < leastWork || (!best && work <= leastWork)) {
        best = i;
        leastWork = work;
      }
    }
    if (!best)
      return;
    again.set(*best);
    Recomputation::Outcome next = graph.evaluate(again);
    if (next.peak < now.peak) {
      now = std::move(next);
    } else {
      again.reset(*best);
      refused.set(*best);
    }
  }
}

void Chooser::dropHarmful() {
  int64_t peak = graph.evaluate(again).peak;
  for (bool changed = true; changed;) {
    changed = false;
    for (unsigned i : SmallVector<unsigned>(again.set_bits())) {
      again.reset(i);
      int64_t without = graph.evaluate(again).peak;
      if (without < peak) {
        peak = without;
        changed = true;
      } else {
        again.set(i);
      }
    }
  }
}

void Chooser::trim(int64_t target) {
  SmallVector<unsigned> chosen(again.set_bits());
  llvm::sort(chosen, [&](unsigned a, unsigned b) {
    return std::pair(-graph.getNode(a).work, a) <
           std::pair(-graph.getNode(b).work, b);
  });
  for (unsigned i : chosen) {
    again.reset(i);
    if (graph.evaluate(again).peak > target)
      again.set(i);
  }
}

/// The choice for a peak of at most `target` bytes, or else the lowest peak.
static llvm::BitVector choose(const Recomputation &graph, int64_t target,
                              bool hasLimit, bool checkpoints) {
  constexpr double kAnyWork = std::numeric_limits<double>::infinity();
  Chooser best(graph), narrow(graph);
  auto peakOf = [&](const Chooser &chooser) {
    return graph.evaluate(chooser.again).peak;
  };
  auto keepNarrowest = [&] {
    narrow.again = graph.keepNarrowest();
    narrow.dropHarmful();
  };
  if (checkpoints) {
    keepNarrowest();
    if (peakOf(narrow) < peakOf(best))
      best.again = narrow.again;
  }
  best.lower(0, kCheapWork);
  if (checkpoints)
    best.trim(peakOf(best));
  if (!hasLimit || peakOf(best) <= target)
    return best.again;
  best.lower(target, kAnyWork);
  if (peakOf(best) > target) {
    if (!checkpoints)
      keepNarrowest();
    narrow.lower(target, kAnyWork);
    if (peakOf(narrow) < peakOf(best))
      best.again = narrow.again;
  }
  best.trim(std::max(target, peakOf(best)));
  return best.again;
}

static void report(EntryOp entry, const Recomputation &graph,
                   const Recomputation::Outcome &before,
                   const Recomputation::Outcome &after) {
  if (auto remark =
          remark::passed(entry.getLoc(), remark::RemarkOpts::name("Recomputed")
                                             .category("mixln-rematerialize")
                                             .function(entry.getSymName())))
    remark << std::to_string(after.clones.size()) +
                  " operations are computed again: " +
                  std::to_string(before.peak) + " to " +
                  std::to_string(after.peak) + " bytes, " +
                  llvm::formatv("{0:F2}", 100 * after.work / graph.getWork())
                      .str() +
                  " % more work, most at " +
                  describe(graph.getOp(after.position));
}

/// Whether the estimate is within `target`; if not, nothing goes lower.
static bool rematerializeEntry(EntryOp entry, KernelGenerator &kernels,
                               int64_t target, bool hasLimit,
                               bool checkpoints) {
  normalizeVariables(entry);
  shortenLifetimes(entry);
  Recomputation graph(entry, kernels);
  llvm::BitVector again(graph.getNumNodes());
  if (!graph.getCandidates().empty())
    again = choose(graph, target, hasLimit, checkpoints);
  Recomputation::Outcome outcome = graph.evaluate(again);
  if (again.none())
    return outcome.peak <= target;
  report(entry, graph, graph.evaluate(llvm::BitVector(again.size())), outcome);
  recompute(entry, graph, outcome);
  JoinOptions options;
  options.category = "mixln-rematerialize";
  options.dropStopGradient = true;
  options.fence = kBehindTurn;
  options.mostTensors = kernels.getMostTensors();
  joinRowPrograms(entry, options);
  for (Operation &op : entry.getBody().front())
    op.removeDiscardableAttr(kBehindTurn);
  return outcome.peak <= target;
}

/// Whether training does not call `entry`: it writes what shares its bytes
/// with what other entries hold.
static bool isBesideStep(EntryOp entry,
                         const llvm::DenseSet<Operation *> &shared) {
  auto module = entry->getParentOfType<ModuleOp>();
  return llvm::any_of(
      entry.getBody().front().getOps<StoreOp>(), [&](StoreOp store) {
        return shared.contains(
            module.lookupSymbol(store.getVariableAttr().getAttr()));
      });
}

static FailureOr<int64_t> planBytes(ModuleOp module, KernelGenerator &kernels) {
  OwningOpRef<ModuleOp> planned(module.clone());
  if (failed(planMemory(*planned, kernels)))
    return failure();
  return getStepBytes(*planned);
}

FailureOr<int64_t> mixln::rematerialize(ModuleOp module,
                                        KernelGenerator &kernels,
                                        const RematerializeOptions &options) {
  auto run = [&](ModuleOp on, int64_t target, bool hasLimit) {
    bool isWithin = true;
    auto shared = findSharedVariables(on, kernels);
    for (auto entry : on.getOps<EntryOp>()) {
      bool isBeside = isBesideStep(entry, shared);
      bool fits =
          rematerializeEntry(entry, kernels, target, hasLimit && !isBeside,
                             options.checkpoints && !isBeside);
      isWithin &= fits || isBeside;
    }
    return isWithin;
  };
  if (options.memoryLimit <= 0) {
    run(module, 0, false);
    return 0;
  }
  // What the estimate does not see (gaps between blocks, copies) is taken off
  // the target; in the end everything is lowered as far as it goes.
  constexpr int kAttempts = 5;
  int64_t target = options.memoryLimit;
  for (int attempt = 0;; ++attempt) {
    OwningOpRef<ModuleOp> trial(module.clone());
    bool isWithin = run(*trial, target, true);
    FailureOr<int64_t> bytes = planBytes(*trial, kernels);
    if (failed(bytes))
      return failure();
    if (*bytes <= options.memoryLimit || target == 0) {
      module.getBodyRegion().takeBody(trial->getBodyRegion());
      return *bytes;
    }
    // An entry that goes no lower does not mean that the others do not.
    target = isWithin && attempt + 1 < kAttempts
                 ? target - (*bytes - options.memoryLimit) - (1 << 16)
                 : 0;
    target = std::max<int64_t>(target, 0);
  }
}

//===----------------------------------------------------------------------===//
// Passes
//===----------------------------------------------------------------------===//

namespace {
struct RematerializePass
    : mixln::impl::MixlnRematerializeBase<RematerializePass> {
  using MixlnRematerializeBase::MixlnRematerializeBase;
  RematerializePass(KernelGenerator &kernels,
                    const RematerializeOptions &options)
      : kernels(&kernels) {
    memoryLimit = options.memoryLimit;
    checkpoints = options.checkpoints;
  }

  void runOnOperation() override {
    ReferenceKernels reference;
    reference.mostTensors = mostTensors;
    RematerializeOptions options;
    options.memoryLimit = memoryLimit;
    options.checkpoints = checkpoints;
    FailureOr<int64_t> bytes =
        rematerialize(getOperation(), kernels ? *kernels : reference, options);
    if (failed(bytes))
      return signalPassFailure();
    if (!kernels && memoryLimit > 0 && *bytes > memoryLimit) {
      getOperation().emitError()
          << "needs at least " << *bytes << " bytes, the limit is "
          << memoryLimit.getValue();
      signalPassFailure();
    }
  }

  KernelGenerator *kernels = nullptr;
};
} // namespace

std::unique_ptr<Pass>
mixln::createRematerializePass(KernelGenerator &kernels,
                               const RematerializeOptions &options) {
  return std::make_unique<RematerializePass>(kernels, options);
}
