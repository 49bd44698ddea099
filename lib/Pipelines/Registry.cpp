//===- Registry.cpp - The dialects that a compilation needs ---------------===//

#include "mixln/Pipelines/Registry.h"

#include "mixln/IR/Mixln.h"
#include "mixln/Target/CPU.h"
#include "mixln/Transforms/Differentiate/Differentiate.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

DialectRegistry mixln::makeRegistry() {
  DialectRegistry registry;
  registry.insert<MixlnDialect, arith::ArithDialect, math::MathDialect,
                  tensor::TensorDialect, vector::VectorDialect>();
  registerKernelDialects(registry);
  registerDifferentiableModels(registry);
  return registry;
}
