//===- PlanOps.cpp - Kernels and dispatches -------------------------------===//

#include "mixln/IR/Mixln.h"

#include "InMemory.h"

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
  for (Attribute attr :
       llvm::concat<const Attribute>(getReadTypes(), getWriteTypes())) {
    Type type = cast<TypeAttr>(attr).getValue();
    auto tensor = dyn_cast<RankedTensorType>(type);
    std::string expected = tensor ? whyNotInMemory(tensor) : "a tensor";
    if (!expected.empty())
      return emitOpError() << "reads or writes " << type << ", expected "
                           << expected;
  }
  if (llvm::any_of(getDomain(), [](int64_t extent) { return extent <= 0; }))
    return emitOpError("domain has an extent that is not positive");
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
  // Their extents may differ: see verifyLaunches.
  auto verifyType = [&](Attribute attr, Value value,
                        StringRef what) -> LogicalResult {
    auto found = cast<RankedTensorType>(cast<TypeAttr>(attr).getValue());
    auto expected = dyn_cast<RankedTensorType>(value.getType());
    if (expected && found.getRank() == expected.getRank() &&
        found.getElementType() == expected.getElementType())
      return success();
    InFlightDiagnostic diag = emitOpError() << what << " " << found;
    diag.attachNote(kernel.getLoc())
        << "the kernel's prototype has " << value.getType() << " there";
    return diag;
  };
  for (auto [attr, operand] :
       llvm::zip(getReadTypes(), prototype->getOperands()))
    if (failed(verifyType(attr, operand, "reads")))
      return failure();
  for (auto [attr, result] :
       llvm::zip(getWriteTypes(), prototype->getResults()))
    if (failed(verifyType(attr, result, "writes")))
      return failure();
  auto rowwise = dyn_cast<RowwiseOp>(prototype);
  size_t dimensions = rowwise ? rowwise.getDomain().size() : 0;
  size_t values = rowwise ? rowwise.getValues().size() : 0;
  if (getDomain().size() != dimensions)
    return emitOpError() << "domain has " << getDomain().size()
                         << " dimensions, the kernel's has " << dimensions;
  if (getValues().size() != values)
    return emitOpError() << "has " << getValues().size()
                         << " values, the kernel has " << values;
  return success();
}
