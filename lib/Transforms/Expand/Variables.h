//===- Variables.h - Declares the variables of a model ----------*- C++ -*-===//

#ifndef MIXLN_LIB_TRANSFORMS_EXPAND_VARIABLES_H
#define MIXLN_LIB_TRANSFORMS_EXPAND_VARIABLES_H

#include "mixln/Frontend/Wiring.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"

namespace mixln {

/// Declares variables in front of an operation, each once: two sites that name
/// one parameter share it.
class Variables {
public:
  explicit Variables(mlir::Operation *before) : builder(before) {}

  /// Declares a variable unless it is there; fails where it is there with
  /// another type or initial value.
  mlir::LogicalResult declare(mlir::Location loc, llvm::StringRef name,
                              mlir::RankedTensorType type, Role role,
                              InitAttr init = {},
                              llvm::StringRef parameterClass = {},
                              double lrMult = 1, bool decay = true);
  /// A parameter that a row program reads, at a layer.
  mlir::LogicalResult declare(mlir::Location loc, const WiringParam &param,
                              int64_t layer);
  mlir::RankedTensorType getType(llvm::StringRef name) const {
    VariableOp variable = variables.lookup(name);
    return llvm::cast<mlir::RankedTensorType>(variable.getType());
  }

  InitAttr init(InitKind kind, double value) {
    return InitAttr::get(builder.getContext(), kind, value);
  }
  mlir::RankedTensorType f32(llvm::ArrayRef<int64_t> shape) {
    return mlir::RankedTensorType::get(shape, builder.getF32Type());
  }
  mlir::RankedTensorType i32(llvm::ArrayRef<int64_t> shape) {
    return mlir::RankedTensorType::get(shape, builder.getI32Type());
  }

private:
  mlir::OpBuilder builder;
  llvm::StringMap<VariableOp> variables;
};

} // namespace mixln

#endif // MIXLN_LIB_TRANSFORMS_EXPAND_VARIABLES_H
