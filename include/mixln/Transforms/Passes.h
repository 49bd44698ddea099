//===- Passes.h - The passes of the pipeline --------------------*- C++ -*-===//

#ifndef MIXLN_TRANSFORMS_PASSES_H
#define MIXLN_TRANSFORMS_PASSES_H

#include "mixln/IR/Mixln.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/Pass.h"

namespace mixln {

#define GEN_PASS_DECL
#include "mixln/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "mixln/Transforms/Passes.h.inc"

} // namespace mixln

#endif // MIXLN_TRANSFORMS_PASSES_H
