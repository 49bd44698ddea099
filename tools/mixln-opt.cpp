//===- mixln-opt.cpp - Runs passes on mixln IR ----------------------------===//

#include "mixln/Pipelines/Phases.h"
#include "mixln/Pipelines/Registry.h"
#include "mixln/Transforms/Passes.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry = mixln::makeRegistry();
  mlir::registerTransformsPasses();
  mixln::registerMixlnTransformsPasses();
  mixln::registerPipelines();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "mixln optimizer driver\n", registry));
}
