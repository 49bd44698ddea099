//===- mixln-opt.cpp - Runs passes on mixln IR ----------------------------===//

#include "mixln/IR/Mixln.h"
#include "mixln/Pipelines/Phases.h"
#include "mixln/Transforms/Differentiate/Differentiate.h"
#include "mixln/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  registry.insert<mixln::MixlnDialect, mlir::arith::ArithDialect,
                  mlir::math::MathDialect, mlir::tensor::TensorDialect,
                  mlir::vector::VectorDialect>();
  mixln::registerDifferentiableModels(registry);
  mlir::registerTransformsPasses();
  mixln::registerMixlnTransformsPasses();
  mixln::registerPipelines();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "mixln optimizer driver\n", registry));
}
