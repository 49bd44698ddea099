//===- VerifyPhase.cpp - What must hold at each phase boundary ------------===//
//
// The verifier of each op holds everywhere; these rules hold from one phase to
// the next. They are checked, not assumed.
//
//===----------------------------------------------------------------------===//

#include "mixln/IR/Mixln.h"
#include "mixln/Pipelines/Phases.h"
#include "mixln/Transforms/Merge/Paths.h"
#include "mixln/Transforms/Plan/ReferenceKernels.h"
#include "mixln/Transforms/Plan/VerifyPlan.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mixln;

/// The model as blocks, nothing expanded yet.
static LogicalResult verifyImport(ModuleOp module) {
  if (llvm::range_size(module.getOps<ModelOp>()) != 1)
    return module.emitError("after import a module has one mixln.model");
  return success();
}

static LogicalResult requireEntries(ModuleOp module, StringRef phase,
                                    ArrayRef<StringRef> names) {
  for (StringRef name : names)
    if (!module.lookupSymbol<EntryOp>(name))
      return module.emitError()
             << "after " << phase << " there is no entry @" << name;
  return success();
}

/// Entries hold operations on tensors only, each at a named site.
static LogicalResult verifyTensors(ModuleOp module, StringRef phase,
                                   bool hasBackward = true) {
  for (ModelOp model : module.getOps<ModelOp>())
    return model.emitError() << "is still there after " << phase;
  for (EntryOp entry : module.getOps<EntryOp>())
    for (Operation &op : entry.getBody().front())
      if (!isa<LoadOp, StoreOp, RowwiseOp, MatmulOp, PackOp, EmbeddingOp,
               EmbeddingGradOp, AttentionOp, AttentionGradOp, AttentionStepOp,
               tensor::ExpandShapeOp, tensor::CollapseShapeOp,
               tensor::ExtractSliceOp, tensor::ConcatOp, arith::ConstantOp>(
              op) &&
          (hasBackward || !isa<MeasureAtOp>(op)))
        return op.emitError()
               << "does not belong into an entry after " << phase;
  return success();
}

/// Every parameter has a gradient of its own type.
static LogicalResult verifyDifferentiate(ModuleOp module) {
  for (VariableOp variable : module.getOps<VariableOp>()) {
    if (variable.getRole() != Role::Parameter)
      continue;
    std::string name = ("grad." + variable.getSymName()).str();
    auto gradient = module.lookupSymbol<VariableOp>(name);
    if (!gradient)
      return variable.emitError() << "has no gradient @" << name;
    if (gradient.getType() != variable.getType())
      return gradient.emitError()
             << "has type " << gradient.getType()
             << " but its parameter has type " << variable.getType();
  }
  return success();
}

/// What is multiplied is what the module's type says, on both sides, and
/// variables that outlive an update are as wide as it says.
static LogicalResult verifyTypes(ModuleOp module) {
  auto dtype = module->getAttrOfType<StringAttr>("mixln.dtype");
  bool isNarrow = dtype && dtype != "fp32";
  auto expect = [&](Operation *op, Type type, bool narrow) -> LogicalResult {
    if (getElementTypeOrSelf(type).isBF16() == narrow)
      return success();
    return op->emitError() << "has " << type << " where mixln.dtype is "
                           << (dtype ? dtype.getValue() : "fp32");
  };
  for (VariableOp variable : module.getOps<VariableOp>())
    if (Role role = variable.getRole(); role == Role::Parameter ||
                                        role == Role::Gradient ||
                                        role == Role::Moment)
      if (failed(expect(variable, variable.getType(),
                        isNarrow && dtype == "bf16_pure")))
        return failure();
  for (EntryOp entry : module.getOps<EntryOp>())
    for (MatmulOp op : entry.getBody().front().getOps<MatmulOp>()) {
      // It rounds weights while it reads them.
      if (op.isMatvec() && isNarrow && op.multipliesBF16())
        continue;
      for (Value side : llvm::concat<Value>(op.getLhs(), op.getRhs()))
        if (failed(expect(op, side.getType(), isNarrow)))
          return failure();
    }
  return success();
}

/// One row program on every path between two matmuls or attentions.
static LogicalResult verifyFuse(ModuleOp module) {
  if (failed(verifyTypes(module)))
    return failure();
  for (EntryOp entry : module.getOps<EntryOp>())
    if (failed(verifyOneRowProgramPerPath(entry)))
      return failure();
  return success();
}

static LogicalResult verifyPlanned(ModuleOp module,
                                   const PhaseOptions &options) {
  if (options.generator)
    return verifyPlan(module, *options.generator);
  ReferenceKernels reference;
  return verifyPlan(module, reference);
}

LogicalResult mixln::verifyPhase(Phase phase, ModuleOp module,
                                 const PhaseOptions &options) {
  switch (phase) {
  case Phase::Import:
    return verifyImport(module);
  case Phase::Expand:
  case Phase::Merge:
    return failure(failed(verifyTensors(module, getPhaseName(phase),
                                        /*hasBackward=*/false)) ||
                   failed(requireEntries(module, getPhaseName(phase),
                                         {"loss", "logits"})));
  case Phase::Differentiate:
    return failure(failed(verifyTensors(module, getPhaseName(phase))) ||
                   failed(requireEntries(module, getPhaseName(phase),
                                         {"prepare", "gradient", "gradient_add",
                                          "update", "loss", "logits"})) ||
                   failed(verifyDifferentiate(module)));
  case Phase::Fuse:
    return failure(failed(verifyTensors(module, getPhaseName(phase))) ||
                   failed(verifyFuse(module)));
  case Phase::Rematerialize:
    return verifyTensors(module, getPhaseName(phase));
  case Phase::Plan:
    return verifyPlanned(module, options);
  case Phase::Lower:
  case Phase::Emit:
    return success();
  }
  llvm_unreachable("unknown phase");
}
