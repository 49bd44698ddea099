//===- PlanOps.cpp - Kernels and dispatches -------------------------------===//

#include "mixln/IR/Mixln.h"

using namespace mlir;
using namespace mixln;

LogicalResult KernelOp::verify() {
  Block &block = getBody().front();
  if (llvm::range_size(block) != 1)
    return emitOpError() << "has " << llvm::range_size(block)
                         << " operations, expected its one prototype";
  Operation *prototype = getPrototype();
  if (!llvm::equal(prototype->getOperands(), block.getArguments()))
    return emitOpError("prototype must use the block's arguments in order");
  return success();
}

LogicalResult DispatchOp::verify() {
  if (getReads().size() != getReadTypes().size())
    return emitOpError() << "has " << getReads().size() << " reads and "
                         << getReadTypes().size() << " types of them";
  if (getWrites().size() != getWriteTypes().size())
    return emitOpError() << "has " << getWrites().size() << " writes and "
                         << getWriteTypes().size() << " types of them";
  for (int64_t offset : llvm::concat<const int64_t>(getReads(), getWrites()))
    if (offset < 0)
      return emitOpError() << "offset " << offset << " is negative";
  if (std::optional<ArrayRef<int64_t>> workspace = getWorkspace())
    if (workspace->size() != 2 || (*workspace)[0] < 0 || (*workspace)[1] <= 0)
      return emitOpError(
          "workspace must be an offset and a positive number of bytes");
  return success();
}

LogicalResult DispatchOp::verifySymbolUses(SymbolTableCollection &tables) {
  auto module = (*this)->getParentOfType<ModuleOp>();
  auto kernel = tables.lookupSymbolIn<KernelOp>(module, getKernelAttr());
  if (!kernel)
    return emitOpError() << "unknown kernel " << getKernelAttr();
  Operation *prototype = kernel.getPrototype();
  if (prototype->getNumOperands() != getReads().size() ||
      prototype->getNumResults() != getWrites().size()) {
    InFlightDiagnostic diag = emitOpError()
                              << "has " << getReads().size() << " reads and "
                              << getWrites().size() << " writes";
    diag.attachNote(kernel.getLoc())
        << "the kernel has " << prototype->getNumOperands() << " operands and "
        << prototype->getNumResults() << " results";
    return diag;
  }
  return success();
}
