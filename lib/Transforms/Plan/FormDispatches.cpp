//===- FormDispatches.cpp - Planned operations to dispatches --------------===//
//
// Before:
//
//   mixln.entry @double {
//     %x = mixln.load @x : tensor<8x32xf32>
//     %y = mixln.rowwise [8] rows(%x : tensor<8x32xf32>)
//         -> rows(tensor<8x32xf32>)
//         attributes {mixln.reads = array<i64: 0>,
//                     mixln.writes = array<i64: 1024>, ...} { ... }
//     mixln.store %y, @y : tensor<8x32xf32>
//   }
//
// After:
//
//   mixln.kernel @rows.double.32 {
//   ^bb0(%x: tensor<8x32xf32>):
//     %y = mixln.rowwise [8] rows(%x : ...) -> ... { ... }
//   }
//   mixln.entry @double {
//     mixln.dispatch @rows.double.32 domain [8] values []
//       reads [0] : [tensor<8x32xf32>] writes [1024] : [tensor<8x32xf32>]
//   }
//
//===----------------------------------------------------------------------===//

#include "mixln/Analysis/Cost.h"
#include "mixln/Analysis/Lifetimes.h"
#include "mixln/IR/Sites.h"
#include "mixln/Transforms/Passes.h"
#include "mixln/Transforms/Plan/PlanMemory.h"
#include "mixln/Transforms/Plan/ReferenceKernels.h"
#include "mixln/Transforms/Plan/VerifyPlan.h"

#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace mixln;

namespace {
class DispatchFormer {
public:
  DispatchFormer(ModuleOp module, KernelGenerator &kernels)
      : module(module), kernels(kernels), builder(module.getContext()) {}

  LogicalResult run();

private:
  StringAttr getKernel(Operation *op);
  LogicalResult formDispatch(Operation *op);

  ModuleOp module;
  KernelGenerator &kernels;
  OpBuilder builder;
  llvm::StringMap<StringAttr> kernelOfKey;
  llvm::StringSet<> names;
  Operation *lastKernel = nullptr;
};
} // namespace

/// The kernel that `op` runs, made from `op` if it is the first with its key.
StringAttr DispatchFormer::getKernel(Operation *op) {
  StringAttr &kernel = kernelOfKey[kernels.getKey(op)];
  if (kernel)
    return kernel;
  std::string base = kernels.getName(op), name = base;
  for (unsigned i = 2; !names.insert(name).second; ++i)
    name = base + "." + std::to_string(i);
  kernel = builder.getStringAttr(name);

  OpBuilder::InsertionGuard guard(builder);
  if (lastKernel)
    builder.setInsertionPointAfter(lastKernel);
  else
    builder.setInsertionPoint(op->getParentOfType<EntryOp>());
  auto kernelOp = KernelOp::create(builder, op->getLoc(), kernel);
  lastKernel = kernelOp;
  Block &block = kernelOp.getBody().emplaceBlock();
  IRMapping mapping;
  SmallVector<Value> arguments;
  for (Value operand : op->getOperands())
    arguments.push_back(block.addArgument(operand.getType(), op->getLoc()));
  builder.setInsertionPointToEnd(&block);
  Operation *prototype = builder.clone(*op);
  prototype->setOperands(arguments);
  for (NamedAttribute named : llvm::to_vector(prototype->getDiscardableAttrs()))
    if (named.getName().getValue().starts_with("mixln."))
      prototype->removeDiscardableAttr(named.getName());
  return kernel;
}

LogicalResult DispatchFormer::formDispatch(Operation *op) {
  auto array = [&](StringRef name) {
    return op->getAttrOfType<DenseI64ArrayAttr>(name);
  };
  if (!array("mixln.reads") || !array("mixln.writes"))
    return op->emitOpError("has no offsets; plan its memory first");
  auto types = [&](TypeRange range) { return builder.getTypeArrayAttr(range); };
  auto rowwise = dyn_cast<RowwiseOp>(op);
  Cost cost = getCost(op);
  builder.setInsertionPoint(op);
  auto dispatch = DispatchOp::create(
      builder, op->getLoc(), FlatSymbolRefAttr::get(getKernel(op)),
      builder.getDenseI64ArrayAttr(rowwise ? rowwise.getDomain()
                                           : ArrayRef<int64_t>()),
      builder.getDenseF64ArrayAttr(rowwise ? rowwise.getValues()
                                           : ArrayRef<double>()),
      array("mixln.reads"), types(op->getOperandTypes()), array("mixln.writes"),
      types(op->getResultTypes()), array("mixln.workspace"),
      array("mixln.tasks"), array("mixln.sizes"),
      builder.getF64FloatAttr(cost.flops), builder.getF64FloatAttr(cost.bytes));
  copySite(op, dispatch);
  if (Attribute resultNames = op->getDiscardableAttr("mixln.names"))
    dispatch->setDiscardableAttr("mixln.names", resultNames);
  return success();
}

LogicalResult DispatchFormer::run() {
  for (Operation &op : module.getOps())
    if (auto symbol = op.getAttrOfType<StringAttr>("sym_name"))
      names.insert(symbol.getValue());
  for (auto entry : llvm::to_vector(module.getOps<EntryOp>())) {
    Block &block = entry.getBody().front();
    for (Operation &op : llvm::make_early_inc_range(block))
      if (isKernel(&op) && failed(formDispatch(&op)))
        return failure();
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
      if (!isa<DispatchOp>(op))
        op.erase();
  }
  return success();
}

LogicalResult mixln::formDispatches(ModuleOp module, KernelGenerator &kernels) {
  return DispatchFormer(module, kernels).run();
}

//===----------------------------------------------------------------------===//
// Passes
//===----------------------------------------------------------------------===//

namespace mixln {
#define GEN_PASS_DEF_MIXLNFORMDISPATCHES
#include "mixln/Transforms/Passes.h.inc"
} // namespace mixln

namespace {
struct FormDispatchesPass
    : mixln::impl::MixlnFormDispatchesBase<FormDispatchesPass> {
  using MixlnFormDispatchesBase::MixlnFormDispatchesBase;
  explicit FormDispatchesPass(KernelGenerator &kernels) : kernels(&kernels) {}

  void runOnOperation() override {
    ReferenceKernels reference;
    KernelGenerator &asked = kernels ? *kernels : reference;
    if (failed(formDispatches(getOperation(), asked)) ||
        failed(verifyPlan(getOperation(), asked)))
      signalPassFailure();
  }

  KernelGenerator *kernels = nullptr;
};
} // namespace

std::unique_ptr<Pass>
mixln::createFormDispatchesPass(KernelGenerator &kernels) {
  return std::make_unique<FormDispatchesPass>(kernels);
}
