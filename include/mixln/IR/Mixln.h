//===- Mixln.h - The mixln dialect ------------------------------*- C++ -*-===//
//
// The dialect with all its attributes and operations. Their documentation
// stands in the .td files.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_IR_MIXLN_H
#define MIXLN_IR_MIXLN_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/RegionKindInterface.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include <cmath>

#include "mixln/IR/MixlnDialect.h.inc"
#include "mixln/IR/MixlnEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "mixln/IR/MixlnAttributes.h.inc"

namespace mixln {
class YieldOp;
} // namespace mixln

namespace mixln {
/// What a model may have at most: deeper than any that was trained.
inline constexpr int64_t kMaxLayers = 1024;

/// Whether every tensor that `op` reads or writes has a static shape of
/// positive, bounded extents; the verifiers of operations on tensors begin with
/// it.
mlir::LogicalResult verifyExtents(mlir::Operation *op);

/// What a measurement may read at the places that `per` names; empty where it
/// names none. And how its numbers may be reduced.
llvm::ArrayRef<llvm::StringLiteral> getMeasureInputs(llvm::StringRef per);
llvm::ArrayRef<llvm::StringLiteral> getMeasureReductions();
} // namespace mixln

#define GET_OP_CLASSES
#include "mixln/IR/MixlnOps.h.inc"

#endif // MIXLN_IR_MIXLN_H
