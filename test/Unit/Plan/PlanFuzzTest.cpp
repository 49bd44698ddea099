//===- PlanFuzzTest.cpp - Plans of random entries -------------------------===//
//
// Plans are checked by the simulations of VerifyPlan.h, which do not know how
// a plan was made, and by running the dispatches in the interpreter against the
// operations that they were made from.
//
//===----------------------------------------------------------------------===//

#include "RandomEntry.h"

#include "mixln/Transforms/Plan/PlanMemory.h"
#include "mixln/Transforms/Plan/ReferenceKernels.h"
#include "mixln/Transforms/Plan/VerifyPlan.h"

#include "mixln/Analysis/Lifetimes.h"
#include "mixln/Interpreter/Inputs.h"
#include "mixln/Interpreter/Interpreter.h"

#include "mlir/IR/Verifier.h"

#include <gtest/gtest.h>

#include <chrono>

using namespace mlir;
using namespace mixln;

namespace {
/// A target that never writes results over operands, but wants workspaces.
class WorkspaceKernels : public ReferenceKernels {
public:
  bool canWriteInPlace(Operation *, unsigned, unsigned) override {
    return false;
  }
  Launch getLaunch(Operation *op) override {
    Launch launch = ReferenceKernels::getLaunch(op);
    launch.workspaceBytes = 100;
    launch.scratchBytes = 10;
    return launch;
  }
};
} // namespace

static void planAndVerify(ModuleOp module, KernelGenerator &kernels) {
  ASSERT_TRUE(succeeded(mlir::verify(module)));
  ASSERT_TRUE(succeeded(planMemory(module, kernels)));
  ASSERT_TRUE(succeeded(mlir::verify(module)));
  ASSERT_TRUE(succeeded(verifyPlacement(module, kernels)));
  ASSERT_TRUE(succeeded(formDispatches(module, kernels)));
  ASSERT_TRUE(succeeded(mlir::verify(module)));
  ASSERT_TRUE(succeeded(verifyPlan(module, kernels)));
}

TEST(PlanFuzz, SmallEntries) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  test::loadDialects(context);
  ReferenceKernels reference;
  WorkspaceKernels workspaces;
  for (unsigned seed = 0; seed < 600; ++seed) {
    SCOPED_TRACE(seed);
    auto module = test::makeRandomModule(context, seed, 2, 1 + seed % 40);
    if (seed % 2)
      planAndVerify(*module, reference);
    else
      planAndVerify(*module, workspaces);
    if (testing::Test::HasFatalFailure())
      return;
  }
}

static void fill(Interpreter &interpreter, unsigned seed) {
  for (auto variable : interpreter.getModule().getOps<VariableOp>()) {
    auto type = cast<RankedTensorType>(variable.getType());
    NamedRandom random(seed, variable.getSymName());
    Array value = Array::full(type.getShape(), 0);
    for (auto [i, element] : llvm::enumerate(value.data))
      element = random.normal(i);
    ASSERT_TRUE(succeeded(
        interpreter.setVariable(variable.getSymName(), std::move(value))));
  }
}

TEST(PlanFuzz, DispatchesComputeWhatTheOperationsDid) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  test::loadDialects(context);
  ReferenceKernels reference;
  WorkspaceKernels workspaces;
  for (unsigned seed = 5000; seed < 5080; ++seed) {
    SCOPED_TRACE(seed);
    auto module = test::makeRandomModule(context, seed, 2, 5 + seed % 30);
    OwningOpRef<ModuleOp> original(module->clone());
    if (seed % 4)
      planAndVerify(*module, reference);
    else
      planAndVerify(*module, workspaces);
    Interpreter expected(*original), found(*module);
    fill(expected, seed);
    fill(found, seed);
    for (const char *entry : {"e0", "e1", "e0"}) {
      ASSERT_TRUE(succeeded(expected.run(entry)));
      ASSERT_TRUE(succeeded(found.run(entry)));
    }
    for (auto variable : original->getOps<VariableOp>()) {
      StringRef name = variable.getSymName();
      double error =
          relativeError(found.getVariable(name), expected.getVariable(name));
      ASSERT_TRUE(error <= 1e-12) << name.str() << " differs by " << error;
    }
    if (testing::Test::HasFatalFailure())
      return;
  }
}

// The simulation is worth something: a result that is anywhere else is found.
TEST(PlanFuzz, AResultElsewhereIsNoticed) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  test::loadDialects(context);
  ScopedDiagnosticHandler quiet(&context, [](Diagnostic &) {});
  ReferenceKernels kernels;
  unsigned moved = 0;
  for (unsigned seed = 9000; seed < 9010; ++seed) {
    SCOPED_TRACE(seed);
    auto module = test::makeRandomModule(context, seed, 1, 40);
    ASSERT_TRUE(succeeded(planMemory(*module, kernels)));
    ASSERT_TRUE(succeeded(verifyPlacement(*module, kernels)));
    auto arenaBytes =
        module->getOperation()->getAttrOfType<IntegerAttr>("mixln.arena_bytes");
    Builder builder(&context);
    // Room to move into.
    module->getOperation()->setAttr(
        "mixln.arena_bytes",
        builder.getI64IntegerAttr(2 * arenaBytes.getInt() + 4096));
    module->walk([&](Operation *op) {
      auto writes = op->getAttrOfType<DenseI64ArrayAttr>("mixln.writes");
      if (!writes)
        return;
      for (unsigned i = 0; i < op->getNumResults(); ++i) {
        // Of what only slices and concatenations use, a slice may drop a part.
        if (llvm::none_of(op->getResult(i).getUsers(), [](Operation *user) {
              return isKernel(user) || isa<StoreOp>(user);
            }))
          continue;
        for (int64_t distance :
             {int64_t{64}, int64_t{-64}, arenaBytes.getInt() + 64}) {
          SmallVector<int64_t> offsets(writes.asArrayRef());
          offsets[i] += distance;
          op->setAttr("mixln.writes", builder.getDenseI64ArrayAttr(offsets));
          EXPECT_TRUE(failed(verifyPlacement(*module, kernels)))
              << op->getName().getStringRef().str() << " result " << i
              << " moved by " << distance;
          ++moved;
        }
      }
      op->setAttr("mixln.writes", writes);
    });
    ASSERT_TRUE(succeeded(verifyPlacement(*module, kernels)));
  }
  EXPECT_GT(moved, 500u);
}

TEST(PlanFuzz, LargeEntriesArePackedWell) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  test::loadDialects(context);
  ReferenceKernels kernels;
  double peaks = 0, bounds = 0;
  for (unsigned seed = 1000; seed < 1010; ++seed) {
    SCOPED_TRACE(seed);
    auto module = test::makeRandomModule(context, seed, 1, 400);
    planAndVerify(*module, kernels);
    if (testing::Test::HasFatalFailure())
      return;
    auto entry = *module->getOps<EntryOp>().begin();
    peaks += entry->getAttrOfType<IntegerAttr>("mixln.peak_bytes").getInt();
    bounds += entry->getAttrOfType<IntegerAttr>("mixln.live_bytes").getInt();
  }
  RecordProperty("peak_over_bound", std::to_string(peaks / bounds));
  EXPECT_LE(peaks, 1.1 * bounds);
}

TEST(PlanFuzz, ThousandsOfOperationsAreFast) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  test::loadDialects(context);
  ReferenceKernels kernels;
  auto module = test::makeRandomModule(context, 7, 1, 2500);
  auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE(succeeded(planMemory(*module, kernels)));
  ASSERT_TRUE(succeeded(formDispatches(*module, kernels)));
  std::chrono::duration<double> seconds =
      std::chrono::steady_clock::now() - start;
  auto entry = *module->getOps<EntryOp>().begin();
  RecordProperty("dispatches", llvm::range_size(entry.getBody().getOps()));
  RecordProperty("seconds", std::to_string(seconds.count()));
  EXPECT_LT(seconds.count(), 5.0);
}
