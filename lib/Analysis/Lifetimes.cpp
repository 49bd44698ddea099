//===- Lifetimes.cpp - When the values of an entry are live ---------------===//

#include "mixln/Analysis/Lifetimes.h"

#include "mixln/IR/Joined.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mixln;

bool mixln::isView(Operation *op) {
  return isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp,
             tensor::ExtractSliceOp>(op);
}

bool mixln::isKernel(Operation *op) {
  return isa<RowwiseOp, MatmulOp, JoinedOp, PackOp, EmbeddingOp,
             EmbeddingGradOp, AttentionOp, AttentionGradOp, AttentionStepOp>(
      op);
}

/// The first row of a slice of whole rows, or an error.
static FailureOr<int64_t> firstRow(tensor::ExtractSliceOp slice) {
  if (!slice.getOffsets().empty() || !slice.getSizes().empty() ||
      !slice.getStrides().empty())
    return slice.emitOpError("has extents that are not constants; a plan has "
                             "static offsets only");
  ArrayRef<int64_t> shape = slice.getSourceType().getShape();
  bool isContiguous =
      llvm::all_of(slice.getStaticStrides(), [](int64_t s) { return s == 1; });
  for (size_t i = 1; i < shape.size(); ++i)
    isContiguous &= slice.getStaticOffsets()[i] == 0 &&
                    slice.getStaticSizes()[i] == shape[i];
  if (!isContiguous)
    return slice.emitOpError()
           << "takes part of the rows of " << slice.getSourceType()
           << ", expected whole rows";
  return slice.getStaticOffsets()[0];
}

unsigned Lifetimes::addVariable(VariableOp variable, GetBytes getBytes) {
  auto [it, isNew] = variableRoots.try_emplace(variable, roots.size());
  if (isNew)
    roots.push_back({Value(), variable,
                     getBytes(cast<RankedTensorType>(variable.getType())), -1,
                     kForever});
  return it->second;
}

LogicalResult Lifetimes::visit(Operation *op, GetBytes getBytes) {
  auto module = op->getParentOfType<ModuleOp>();
  if (auto load = dyn_cast<LoadOp>(op)) {
    auto variable =
        module.lookupSymbol<VariableOp>(load.getVariableAttr().getAttr());
    places[load.getResult()] = {addVariable(variable, getBytes), 0};
    return success();
  }
  if (auto store = dyn_cast<StoreOp>(op)) {
    auto variable =
        module.lookupSymbol<VariableOp>(store.getVariableAttr().getAttr());
    addVariable(variable, getBytes);
    stores[variable] = store;
    return success();
  }
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op)) {
    FailureOr<int64_t> row = firstRow(slice);
    if (failed(row))
      return failure();
    Place place = places.lookup(slice.getSource());
    RankedTensorType type = slice.getSourceType();
    place.offset += *row * (getBytes(type) / type.getDimSize(0));
    places[slice.getResult()] = place;
    return success();
  }
  if (isView(op)) {
    places[op->getResult(0)] = places.lookup(op->getOperand(0));
    return success();
  }
  auto concat = dyn_cast<tensor::ConcatOp>(op);
  if (concat && concat.getDim() != 0)
    return op->emitOpError() << "joins dimension " << concat.getDim()
                             << ", expected 0; rows lie one after another";
  if (!concat && !isKernel(op))
    return op->emitOpError("cannot be planned; expected an operation on "
                           "tensors that has a kernel");
  for (Value result : op->getResults()) {
    places[result] = {static_cast<unsigned>(roots.size()), 0};
    int64_t position = positions.lookup(op);
    roots.push_back({result, VariableOp(),
                     getBytes(cast<RankedTensorType>(result.getType())),
                     position, position});
  }
  return success();
}

FailureOr<Lifetimes> Lifetimes::compute(EntryOp entry, GetBytes getBytes) {
  Lifetimes lifetimes;
  Block &block = entry.getBody().front();
  for (auto [position, op] : llvm::enumerate(block))
    lifetimes.positions[&op] = position;
  for (Operation &op : block)
    if (failed(lifetimes.visit(&op, getBytes)))
      return failure();

  // A stored variable's initial value ends at its last reader.
  for (auto [variable, store] : lifetimes.stores)
    lifetimes.roots[lifetimes.variableRoots.lookup(variable)].end = -1;
  for (Operation &op : block) {
    if (isView(&op))
      continue;
    int64_t position =
        isa<StoreOp>(op) ? kForever : lifetimes.positions.lookup(&op);
    for (Value operand : op.getOperands()) {
      Root &root = lifetimes.roots[lifetimes.places.lookup(operand).root];
      root.end = std::max(root.end, position);
    }
  }
  return lifetimes;
}
