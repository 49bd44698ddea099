//===- ReferenceKernels.h - A target without code ---------------*- C++ -*-===//
//
// Lets plans be made and tested without a target: dense layouts, one task for
// every 64 rows, no code.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_TRANSFORMS_PLAN_REFERENCEKERNELS_H
#define MIXLN_TRANSFORMS_PLAN_REFERENCEKERNELS_H

#include "mixln/Interfaces/KernelGenerator.h"

namespace mixln {

/// The text of `op` without numbers of rows, immediates and names of sites:
/// operations that differ in nothing else have equal texts.
std::string getRowIndependentText(mlir::Operation *op);

class ReferenceKernels : public KernelGenerator {
public:
  std::string getKey(mlir::Operation *op) override;
  std::string getName(mlir::Operation *op) override;
  Launch getLaunch(mlir::Operation *op) override;
  int64_t getBytes(mlir::RankedTensorType type) override;
  bool canWriteInPlace(mlir::Operation *op, unsigned operand,
                       unsigned result) override;
  /// Row programs without reductions.
  bool canJoin(mlir::Operation *product, mlir::Operation *rows) override;
  size_t getMostTensors() override { return mostTensors; }
  llvm::LogicalResult
  emitKernel(mlir::Operation *op, llvm::StringRef symbol, mlir::ModuleOp module,
             llvm::SmallVectorImpl<std::string> &phases) override;

  size_t mostTensors = std::numeric_limits<size_t>::max();
};

} // namespace mixln

#endif // MIXLN_TRANSFORMS_PLAN_REFERENCEKERNELS_H
