//===- JoinedOp.cpp - A product and its reader ----------------------------===//

#include "mixln/IR/Joined.h"

using namespace mlir;
using namespace mixln;

MatmulOp JoinedOp::getProduct() {
  return cast<MatmulOp>(getBody().front().front());
}

RowwiseOp JoinedOp::getReader() {
  return cast<RowwiseOp>(getBody().front().back());
}

LogicalResult JoinedOp::verify() {
  Block &block = getBody().front();
  if (llvm::range_size(block) != 2 || !isa<MatmulOp>(block.front()) ||
      !isa<RowwiseOp>(block.back()))
    return emitOpError("holds other operations than a matmul and a rowwise");
  MatmulOp product = getProduct();
  if (product.getNumProducts() != 1 || !product.getInto().empty())
    return emitOpError("has a matmul of several products, or one that adds");
  if (!llvm::is_contained(getReader().getRows(), product->getResult(0)))
    return emitOpError("has a rowwise that does not read the product's rows");
  if (block.getArgumentTypes() != getInputs().getTypes())
    return emitOpError("has arguments of other types than its operands");
  SmallVector<Type> types;
  if (getKeepsProduct())
    types.push_back(product->getResult(0).getType());
  llvm::append_range(types, getReader()->getResultTypes());
  if (types != SmallVector<Type>(getOutputs().getTypes()))
    return emitOpError("has other results than its row program");
  return success();
}

#define GET_OP_CLASSES
#include "mixln/IR/JoinedOp.cpp.inc"
