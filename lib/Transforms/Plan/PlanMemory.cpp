//===- PlanMemory.cpp - Values to offsets in one arena --------------------===//
//
// Before:
//
//   mixln.variable @x : tensor<8x32xf32> input
//   mixln.variable @y : tensor<8x32xf32> output
//   mixln.entry @double {
//     %x = mixln.load @x : tensor<8x32xf32>
//     %y = mixln.rowwise [8] rows(%x : tensor<8x32xf32>) -> ... { ... }
//     mixln.store %y, @y : tensor<8x32xf32>
//   }
//
// After: the same with
//
//   mixln.variable @x ... {offset = 0 : i64}
//   mixln.variable @y ... {offset = 1024 : i64}
//   %y = mixln.rowwise ... {mixln.reads = array<i64: 0>,
//                           mixln.writes = array<i64: 1024>}
//
// Variables lie first, for good. What an entry needs in addition starts behind
// them, the same bytes for every entry; it may also lie in variables that the
// entry only writes, until then: gradients are overwritten.
//
//===----------------------------------------------------------------------===//

#include "mixln/Transforms/Plan/PlanMemory.h"

#include "mixln/Transforms/Passes.h"
#include "mixln/Transforms/Plan/Arena.h"
#include "mixln/Transforms/Plan/Placement.h"
#include "mixln/Transforms/Plan/ReferenceKernels.h"
#include "mixln/Transforms/Plan/Schedule.h"
#include "mixln/Transforms/Plan/VerifyPlan.h"
#include "mixln/Transforms/Plan/WriteLayouts.h"

#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace mixln;

namespace {
class MemoryPlanner {
public:
  MemoryPlanner(ModuleOp module, KernelGenerator &kernels)
      : module(module), kernels(kernels), builder(module.getContext()) {}

  LogicalResult run();

private:
  void placeVariables();
  LogicalResult planEntry(EntryOp entry);
  void addKeptVariables(EntryOp entry, const llvm::DenseSet<Operation *> &free,
                        std::vector<ArenaBlock> &blocks);
  void annotate(Operation *op, Storages &storages, int64_t workspace,
                const Launch &launch);

  ModuleOp module;
  KernelGenerator &kernels;
  Builder builder;
  llvm::DenseMap<Operation *, int64_t> offsets; ///< of variables
  int64_t shared = 0; ///< where the bytes that entries share begin
  int64_t arenaBytes = 0, stepBytes = 0, scratchBytes = 0;
};
} // namespace

llvm::DenseSet<Operation *>
mixln::findSharedVariables(ModuleOp module, KernelGenerator &kernels) {
  constexpr int64_t kLargestPersistentOutput = 1 << 20;
  // What one entry writes for another must outlive a call.
  llvm::StringSet<> loaded;
  for (auto entry : module.getOps<EntryOp>())
    for (auto load : entry.getBody().front().getOps<LoadOp>())
      loaded.insert(load.getVariable());
  llvm::DenseSet<Operation *> found;
  for (auto variable : module.getOps<VariableOp>()) {
    auto type = cast<RankedTensorType>(variable.getType());
    bool isLargeOutput = variable.getRole() == Role::Output &&
                         !loaded.contains(variable.getSymName()) &&
                         kernels.getBytes(type) > kLargestPersistentOutput;
    if (isLargeOutput || variable.getRole() == Role::Cache)
      found.insert(variable);
  }
  return found;
}

void MemoryPlanner::placeVariables() {
  SmallVector<VariableOp> large;
  int64_t end = 0;
  auto place = [&](VariableOp variable) {
    offsets[variable] = end;
    end += alignArena(
        kernels.getBytes(cast<RankedTensorType>(variable.getType())));
  };
  llvm::DenseSet<Operation *> behind = findSharedVariables(module, kernels);
  for (auto variable : module.getOps<VariableOp>())
    if (behind.contains(variable))
      large.push_back(variable);
    else
      place(variable);
  shared = end;
  llvm::for_each(large, place);
  arenaBytes = end;
  for (auto [variable, offset] : offsets)
    variable->setAttr("offset", builder.getI64IntegerAttr(offset));
}

void MemoryPlanner::annotate(Operation *op, Storages &storages,
                             int64_t workspace, const Launch &launch) {
  auto offsetsOf = [&](auto values) {
    SmallVector<int64_t> list;
    for (Value value : values)
      list.push_back(storages.getOffset(value));
    return builder.getDenseI64ArrayAttr(list);
  };
  op->setDiscardableAttr("mixln.reads", offsetsOf(op->getOperands()));
  op->setDiscardableAttr("mixln.writes", offsetsOf(op->getResults()));
  op->setDiscardableAttr("mixln.tasks",
                         builder.getDenseI64ArrayAttr(launch.tasks));
  op->setDiscardableAttr("mixln.sizes",
                         builder.getDenseI64ArrayAttr(launch.sizes));
  if (launch.workspaceBytes > 0)
    op->setDiscardableAttr(
        "mixln.workspace",
        builder.getDenseI64ArrayAttr({workspace, launch.workspaceBytes}));
}

/// Whether an entry works on what stays between the calls of a generation.
static bool touchesCaches(EntryOp entry) {
  auto module = entry->getParentOfType<ModuleOp>();
  auto isCache = [&](FlatSymbolRefAttr name) {
    return module.lookupSymbol<VariableOp>(name).getRole() == Role::Cache;
  };
  for (Operation &op : entry.getBody().front()) {
    if (auto load = dyn_cast<LoadOp>(op);
        load && isCache(load.getVariableAttr()))
      return true;
    if (auto store = dyn_cast<StoreOp>(op);
        store && isCache(store.getVariableAttr()))
      return true;
  }
  return false;
}

/// Blocks for the variables that hold something all the time, and in entries of
/// a generation for its caches, but for those in `free`: neighbours are one
/// block.
void MemoryPlanner::addKeptVariables(EntryOp entry,
                                     const llvm::DenseSet<Operation *> &free,
                                     std::vector<ArenaBlock> &blocks) {
  bool continues = false, keepsCaches = touchesCaches(entry);
  for (auto variable : module.getOps<VariableOp>()) {
    int64_t offset = offsets.lookup(variable);
    if (offset >= shared) {
      continues = false;
      if (!keepsCaches || variable.getRole() != Role::Cache)
        continue;
    }
    if (free.contains(variable)) {
      continues = false;
      continue;
    }
    int64_t bytes = alignArena(
        kernels.getBytes(cast<RankedTensorType>(variable.getType())));
    if (continues)
      blocks.back().bytes += bytes;
    else
      blocks.push_back({bytes, -1, Lifetimes::kForever, offset});
    continues = offset < shared;
  }
}

LogicalResult MemoryPlanner::planEntry(EntryOp entry) {
  normalizeVariables(entry);
  shortenLifetimes(entry);
  writeLayouts(entry, kernels);
  FailureOr<PlacedEntry> placed = placeEntry(entry, kernels);
  if (failed(placed))
    return failure();

  std::vector<ArenaBlock> blocks;
  SmallVector<Storage *> moving;
  llvm::DenseSet<Operation *> free;
  bool hasLargeOutput = false;
  for (Storage *storage : placed->storages->getStorages()) {
    if (!storage->variable) {
      moving.push_back(storage);
      blocks.push_back({storage->bytes, storage->begin, storage->end, -1});
      continue;
    }
    storage->offset = offsets.lookup(storage->variable);
    // Before an entry writes a variable that it does not read, and before it
    // writes a large output, the bytes are free.
    int64_t begin = Lifetimes::kForever;
    for (Storage::Member member : storage->members) {
      const Root &root = placed->lifetimes->getRoots()[member.root];
      if (root.begin >= 0 || root.end >= 0)
        begin = std::min(begin, root.begin);
    }
    hasLargeOutput |= storage->offset >= shared;
    if (storage->offset < shared && begin < 0)
      continue;
    free.insert(storage->variable);
    moving.push_back(storage);
    blocks.push_back({storage->bytes, begin, storage->end, storage->offset});
  }
  SmallVector<std::pair<Operation *, Launch>> launches;
  for (Operation &op : entry.getBody().front())
    if (isKernel(&op)) {
      launches.push_back({&op, kernels.getLaunch(&op)});
      const Launch &launch = launches.back().second;
      scratchBytes = std::max(scratchBytes, launch.scratchBytes);
      if (launch.workspaceBytes > 0) {
        int64_t position = placed->lifetimes->getPosition(&op);
        blocks.push_back({launch.workspaceBytes, position, position, -1});
      }
    }
  addKeptVariables(entry, free, blocks);

  int64_t live = std::max<int64_t>(0, getLiveBytes(blocks) - shared);
  int64_t end = blocks.empty() ? 0 : packArena(blocks);
  int64_t peak = std::max<int64_t>(0, end - shared);
  for (auto [storage, block] : llvm::zip(moving, blocks))
    storage->offset = block.offset;
  size_t nextWorkspace = moving.size();
  for (auto &[op, launch] : launches) {
    int64_t workspace =
        launch.workspaceBytes > 0 ? blocks[nextWorkspace++].offset : 0;
    annotate(op, *placed->storages, workspace, launch);
  }
  arenaBytes = std::max(arenaBytes, shared + peak);
  // A run that measures layers may need more than one that does not.
  if (!hasLargeOutput && entry.getSymName() != "gradient.measured")
    stepBytes = std::max(stepBytes, shared + peak);
  entry->setDiscardableAttr("mixln.peak_bytes",
                            builder.getI64IntegerAttr(peak));
  entry->setDiscardableAttr("mixln.live_bytes",
                            builder.getI64IntegerAttr(live));
  return success();
}

LogicalResult MemoryPlanner::run() {
  placeVariables();
  for (auto entry : module.getOps<EntryOp>())
    if (failed(planEntry(entry)))
      return failure();
  module->setAttr("mixln.arena_bytes", builder.getI64IntegerAttr(arenaBytes));
  module->setAttr("mixln.step_bytes", builder.getI64IntegerAttr(stepBytes));
  module->setAttr("mixln.shared_offset", builder.getI64IntegerAttr(shared));
  module->setAttr("mixln.scratch_bytes",
                  builder.getI64IntegerAttr(alignArena(scratchBytes)));
  return success();
}

LogicalResult mixln::planMemory(ModuleOp module, KernelGenerator &kernels) {
  return MemoryPlanner(module, kernels).run();
}

int64_t mixln::getStepBytes(ModuleOp module) {
  auto bytes = module->getAttrOfType<IntegerAttr>("mixln.step_bytes");
  return bytes ? bytes.getInt() : 0;
}

//===----------------------------------------------------------------------===//
// Passes
//===----------------------------------------------------------------------===//

namespace mixln {
#define GEN_PASS_DEF_MIXLNPLANMEMORY
#include "mixln/Transforms/Passes.h.inc"
} // namespace mixln

namespace {
struct PlanMemoryPass : mixln::impl::MixlnPlanMemoryBase<PlanMemoryPass> {
  using MixlnPlanMemoryBase::MixlnPlanMemoryBase;
  explicit PlanMemoryPass(KernelGenerator &kernels) : kernels(&kernels) {}

  void runOnOperation() override {
    ReferenceKernels reference;
    KernelGenerator &asked = kernels ? *kernels : reference;
    if (failed(planMemory(getOperation(), asked)) ||
        (verify && failed(verifyPlacement(getOperation(), asked))))
      signalPassFailure();
  }

  KernelGenerator *kernels = nullptr;
};
} // namespace

std::unique_ptr<Pass> mixln::createPlanMemoryPass(KernelGenerator &kernels) {
  return std::make_unique<PlanMemoryPass>(kernels);
}
