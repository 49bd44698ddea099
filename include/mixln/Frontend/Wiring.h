//===- Wiring.h - A row program under construction --------------*- C++ -*-===//
//
// Collects the body of a row program together with the names of what it reads:
// streams and sources, parameters, and numbers that differ from layer to layer.
// Formulas, attributes and the regions of placements all become row programs
// through this one class.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_FRONTEND_WIRING_H
#define MIXLN_FRONTEND_WIRING_H

#include "mixln/IR/Mixln.h"
#include "mixln/IR/RowBuilders.h"

#include <memory>
#include <string>

namespace mixln {

/// A parameter that a row program reads.
struct WiringParam {
  std::string name; ///< with "{i}" where the layer's number stands
  mlir::Type type;  ///< vector<Nxf32> or f32
  double init = 0;
  std::string parameterClass = "scale";
  double lrMult = 1;
  bool decay = true;

  /// To and from an entry of PlacementOp's `params`.
  mlir::DictionaryAttr toAttribute(mlir::MLIRContext *context) const;
  static WiringParam fromAttribute(llvm::StringRef name, mlir::Type type,
                                   mlir::DictionaryAttr attr);
};

class Wiring {
public:
  /// What an argument of the block stands for; `param` is null for streams and
  /// sources.
  struct Input {
    std::string name;
    std::unique_ptr<WiringParam> param;
  };

  /// Rows of streams have `width` columns.
  Wiring(mlir::MLIRContext *context, mlir::Location loc, int64_t width);

  /// The row of a stream or source.
  mlir::Value input(llvm::StringRef name);
  mlir::Value parameter(const WiringParam &param);
  /// A number that is no part of the program's identity.
  mlir::Value immediate(double value);
  /// `kind` applied to `row`; its parameters are PREFIX.NAME. `inits` overrides
  /// initial values.
  mlir::Value norm(NormKindOp kind, llvm::StringRef prefix,
                   mlir::DictionaryAttr inits, mlir::Value row);
  /// The rows that a region of a placement yields.
  llvm::SmallVector<mlir::Value> inlineRegion(PlacementOp placement,
                                              bool isCombine,
                                              llvm::ArrayRef<double> numbers);

  /// Ends the program.
  void yield(mlir::ValueRange results);

  mlir::Type getRowType() const { return rowType; }
  mlir::Block &getBlock() { return *block; }
  std::unique_ptr<mlir::Block> takeBlock() { return std::move(block); }
  llvm::ArrayRef<Input> getInputs() const { return inputs; }
  llvm::ArrayRef<double> getValues() const { return values; }

private:
  mlir::Value addInput(llvm::StringRef name, mlir::Type type,
                       std::unique_ptr<WiringParam> param);

  std::unique_ptr<mlir::Block> block;
  mlir::OpBuilder builder;
  mlir::Type rowType;
  llvm::SmallVector<Input> inputs;
  llvm::SmallVector<double> values;

public:
  /// Adds arithmetic at the end of the program.
  RowBuilder rows;
};

/// The kind `name` at `width`, or null.
NormKindOp lookupKind(ModelOp model, llvm::StringRef name, int64_t width);

} // namespace mixln

#endif // MIXLN_FRONTEND_WIRING_H
