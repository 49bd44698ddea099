//===- CpuKernels.h - Kernels of the CPU target -----------------*- C++ -*-===//

#ifndef MIXLN_TARGET_CPUKERNELS_H
#define MIXLN_TARGET_CPUKERNELS_H

#include "mixln/Interfaces/KernelGenerator.h"
#include "mixln/Support/TargetInfo.h"

namespace mixln {

/// The CPU's answers: which operations share a kernel, how one is launched,
/// and its code.
class CpuKernels : public KernelGenerator {
public:
  explicit CpuKernels(TargetInfo target) : target(std::move(target)) {}

  const TargetInfo &getTarget() const { return target; }

  std::string getKey(mlir::Operation *op) override;
  std::string getName(mlir::Operation *op) override;
  Launch getLaunch(mlir::Operation *op) override;
  int64_t getBytes(mlir::RankedTensorType type) override;
  bool canWriteInPlace(mlir::Operation *op, unsigned operand,
                       unsigned result) override;
  /// Where element (row, column) of a matrix with a layout lies, in elements.
  int64_t getElementOffset(mlir::RankedTensorType type, int64_t row,
                           int64_t column);
  bool canWriteLayout(mlir::Operation *op, unsigned result,
                      mlir::RankedTensorType type) override;
  llvm::LogicalResult
  emitKernel(mlir::Operation *op, llvm::StringRef symbol, mlir::ModuleOp module,
             llvm::SmallVectorImpl<std::string> &phases) override;

private:
  TargetInfo target;
};

} // namespace mixln

#endif // MIXLN_TARGET_CPUKERNELS_H
