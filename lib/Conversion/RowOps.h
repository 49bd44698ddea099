//===- RowOps.h - What both kernels of row programs need --------*- C++ -*-===//

#ifndef MIXLN_LIB_CONVERSION_ROWOPS_H
#define MIXLN_LIB_CONVERSION_ROWOPS_H

#include "mixln/Conversion/KernelBuilder.h"
#include "mixln/IR/Mixln.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mixln {

/// What a reduction starts from.
double neutralElement(mlir::vector::CombiningKind kind);

/// The larger of two zeros may have either sign, which saves half the
/// instructions of a maximum.
mlir::arith::FastMathFlagsAttr flagsOf(mlir::vector::CombiningKind kind,
                                       mlir::MLIRContext *context);

/// A constant of a row program as a constant of `type`.
mlir::Value emitRowConstant(KernelBuilder &b, mlir::arith::ConstantOp op,
                            mlir::Type type);

/// An integer, or a vector of them, as `type`.
mlir::Value emitIndexCast(KernelBuilder &b, mlir::Value source,
                          mlir::Type type);

/// The operation itself on the values of its operands, with a result of
/// `type`.
mlir::Value emitRowClone(KernelBuilder &b, mlir::Operation *inner,
                         mlir::Type type,
                         llvm::function_ref<mlir::Value(mlir::Value)> lookup);

/// A result of a row operand's map at a point of the domain.
mlir::Value emitMapIndex(KernelBuilder &b, mlir::AffineExpr expr,
                         mlir::ValueRange point);

/// Which element of a tensor in memory `indices` name; null for none of them.
mlir::Value emitLinearIndex(KernelBuilder &b, mlir::RankedTensorType type,
                            llvm::ArrayRef<mlir::Value> indices);

} // namespace mixln

#endif // MIXLN_LIB_CONVERSION_ROWOPS_H
