//===- EntryBuilder.h - Entries that read parameters ------------*- C++ -*-===//

#ifndef MIXLN_LIB_TRANSFORMS_DIFFERENTIATE_ENTRYBUILDER_H
#define MIXLN_LIB_TRANSFORMS_DIFFERENTIATE_ENTRYBUILDER_H

#include "mixln/IR/Mixln.h"
#include "mixln/Transforms/Differentiate/RowwiseBuilder.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"

namespace mixln {

/// A tensor as rows: [M, N] has M of them, [N] is one, [1] is a number.
class RowView {
public:
  RowView(mlir::OpBuilder &builder, mlir::Location loc,
          mlir::RankedTensorType type)
      : builder(builder), loc(loc), type(type) {
    int64_t rank = type.getRank();
    if (type.getNumElements() == 1 && rank == 1)
      return;
    int64_t width = type.getShape().back();
    if (rank != 2)
      viewed = mlir::RankedTensorType::get(
          {type.getNumElements() / width, width}, type.getElementType());
  }

  llvm::SmallVector<int64_t> domain() const {
    return {(viewed ? viewed : type).getDimSize(0)};
  }
  mlir::Value view(mlir::Value tensor) const {
    if (!viewed)
      return tensor;
    if (type.getRank() == 1)
      return mlir::tensor::ExpandShapeOp::create(builder, loc, viewed, tensor,
                                                 indices());
    return mlir::tensor::CollapseShapeOp::create(builder, loc, viewed, tensor,
                                                 indices());
  }
  mlir::Value back(mlir::Value tensor) const {
    if (!viewed)
      return tensor;
    if (type.getRank() == 1)
      return mlir::tensor::CollapseShapeOp::create(builder, loc, type, tensor,
                                                   indices());
    return mlir::tensor::ExpandShapeOp::create(builder, loc, type, tensor,
                                               indices());
  }

private:
  llvm::SmallVector<mlir::ReassociationIndices> indices() const {
    if (type.getRank() == 1)
      return {{0, 1}};
    mlir::ReassociationIndices rows;
    for (int64_t i = 0; i + 1 < type.getRank(); ++i)
      rows.push_back(i);
    return {rows, {type.getRank() - 1}};
  }

  mlir::OpBuilder &builder;
  mlir::Location loc;
  mlir::RankedTensorType type, viewed;
};

/// Builds the operations of one entry.
class EntryBuilder {
public:
  explicit EntryBuilder(EntryOp entry)
      : builder(mlir::OpBuilder::atBlockEnd(&entry.getBody().front())),
        module(entry->getParentOfType<mlir::ModuleOp>()), loc(entry.getLoc()) {}

  mlir::Value load(const llvm::Twine &name) {
    std::string symbol = name.str();
    auto variable = module.lookupSymbol<VariableOp>(symbol);
    return LoadOp::create(builder, loc, variable.getType(), symbol);
  }
  /// A [1] that the host writes, loaded once.
  mlir::Value scalar(const llvm::Twine &name) {
    mlir::Value &value = scalars[name.str()];
    if (!value)
      value = load(name);
    return value;
  }
  void store(mlir::Value value, const llvm::Twine &name) {
    StoreOp::create(builder, loc, value, name.str());
  }
  /// start + the sum of the squares of @grad.P; a null start is zero.
  mlir::Value addSquares(VariableOp parameter, mlir::Value start);
  void step(VariableOp parameter, mlir::Value coefficient);

  mlir::OpBuilder builder;
  mlir::ModuleOp module;
  mlir::Location loc;

private:
  llvm::StringMap<mlir::Value> scalars;
};

} // namespace mixln

#endif // MIXLN_LIB_TRANSFORMS_DIFFERENTIATE_ENTRYBUILDER_H
