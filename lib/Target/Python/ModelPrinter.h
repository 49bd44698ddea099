//===- ModelPrinter.h - A model in pieces, as Python ------------*- C++ -*-===//

#ifndef MIXLN_LIB_TARGET_PYTHON_MODELPRINTER_H
#define MIXLN_LIB_TARGET_PYTHON_MODELPRINTER_H

#include "RowFunctions.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"

namespace mixln {

/// The statements of one layer, or of what stands between layers.
struct Piece {
  int64_t layer = -1;
  llvm::SmallVector<mlir::Operation *> ops;
  /// Values from outside, in the order of their first use, and the names under
  /// which the text reads them.
  llvm::SmallVector<mlir::Value> inputs;
  llvm::SmallVector<std::string> inputNames;
  std::string text; ///< "{i}" for the layer, "\1" + index + "\1" for numbers
  llvm::SmallVector<double> numbers;
  llvm::MapVector<mlir::Value, std::string> outputs;
};

class ModelPrinter {
public:
  explicit ModelPrinter(mlir::ModuleOp module) : module(module) {}

  mlir::FailureOr<std::string> print();

private:
  llvm::LogicalResult cut(EntryOp entry);
  llvm::LogicalResult printPiece(Piece &piece,
                                 llvm::ArrayRef<std::string> inputNames);
  mlir::FailureOr<std::string> statement(mlir::Operation *op, Piece &piece);
  mlir::FailureOr<std::string> operand(mlir::Value value, Piece &piece);
  mlir::FailureOr<std::string> rowOperand(RowwiseOp op, unsigned i,
                                          Piece &piece);
  std::string newName(mlir::OpResult result, mlir::Operation *at);
  bool continues(const Piece &before, const Piece &piece,
                 const Piece &pattern) const;
  llvm::LogicalResult printLayers(std::string &body);
  std::string finish(const Piece &piece, int64_t first,
                     llvm::ArrayRef<const Piece *> group, unsigned indent);
  std::string parameters();
  llvm::LogicalResult checkNames();

  mlir::ModuleOp module;
  RowFunctions functions;
  std::vector<Piece> pieces;
  llvm::DenseMap<mlir::Operation *, unsigned> order;
  /// What each Python name holds at the moment, and the reverse.
  llvm::StringMap<mlir::Value> held;
  llvm::DenseMap<mlir::Value, std::string> names;
  std::string tables; ///< numbers that differ between the layers of a loop
  unsigned numTables = 0;
  bool needsRows = false; ///< whether the text reads `rows`
};

} // namespace mixln

#endif // MIXLN_LIB_TARGET_PYTHON_MODELPRINTER_H
