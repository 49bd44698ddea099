//===- Differentiable.td - Operations with a derivative ----*- tablegen -*-===//

#ifndef MIXLN_INTERFACES_DIFFERENTIABLE
#define MIXLN_INTERFACES_DIFFERENTIABLE

include "mlir/IR/OpBase.td"

def DifferentiableOpInterface : OpInterface<"DifferentiableOpInterface"> {
  let cppNamespace = "::mixln";
  let description = [{
    A tensor operation that can build its own backward (reverse mode).
  }];
  let methods = [
    InterfaceMethod<[{
      Builds the operations that turn the cotangents of the results (null where
      a result has none) into cotangents of the operands, appended to
      `operandGrads` in operand order, null where an operand has none. Emits a
      diagnostic and fails where something has no derivative.
    }], "::llvm::LogicalResult", "buildGradient",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::ValueRange":$cotangents,
           "::llvm::SmallVectorImpl<::mlir::Value> &":$operandGrads)>,
    InterfaceMethod<[{
      Whether a gradient can flow into this operand (token ids, tables and the
      like have none).
    }], "bool", "isDifferentiable", (ins "unsigned":$operandIndex)>,
  ];
}

#endif // MIXLN_INTERFACES_DIFFERENTIABLE
