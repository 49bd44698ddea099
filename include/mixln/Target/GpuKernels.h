//===- GpuKernels.h - Kernels of the GPU target -----------------*- C++ -*-===//

#ifndef MIXLN_TARGET_GPUKERNELS_H
#define MIXLN_TARGET_GPUKERNELS_H

#include "mixln/Interfaces/KernelGenerator.h"
#include "mixln/Support/GpuInfo.h"

namespace mixln {

/// Who computes products of matrices.
enum class MatmulSource {
  Library,  ///< cublasLt
  Generated ///< kernels of the program: the driver alone suffices
};

/// A GPU's answers: which operations share a kernel, how one is launched, and
/// its code.
class GpuKernels : public KernelGenerator {
public:
  explicit GpuKernels(GpuInfo gpu, MatmulSource matmuls = MatmulSource::Library)
      : gpu(std::move(gpu)), matmuls(matmuls) {}

  const GpuInfo &getGpu() const { return gpu; }

  std::string getKey(mlir::Operation *op) override;
  std::string getName(mlir::Operation *op) override;
  Launch getLaunch(mlir::Operation *op) override;
  int64_t getBytes(mlir::RankedTensorType type) override;
  bool canWriteInPlace(mlir::Operation *op, unsigned operand,
                       unsigned result) override;
  bool canJoin(mlir::Operation *product, mlir::Operation *rows) override;
  /// A thread loads all rows before it stores one, eight columns of each: more
  /// than these do not stay in its 255 registers.
  size_t getMostTensors() override { return 24; }
  /// Chunks save memory alone: no cache holds one, short products leave
  /// multiprocessors idle, and each chunk adds to the gradient of a weight.
  ChunkSizes getChunkSizes() override { return {8192, int64_t(512) << 20}; }
  MatmulTraits getMatmulTraits() override {
    bool generated = matmuls == MatmulSource::Generated;
    return {/*packs=*/false, /*lists=*/false, /*oddRows=*/generated,
            /*addsInPlace=*/generated};
  }
  void describe(mlir::Operation *op, rt::Kernel &kernel) override;
  llvm::LogicalResult
  emitKernel(mlir::Operation *op, llvm::StringRef symbol, mlir::ModuleOp module,
             llvm::SmallVectorImpl<std::string> &phases) override;

private:
  GpuInfo gpu;
  MatmulSource matmuls;
};

} // namespace mixln

#endif // MIXLN_TARGET_GPUKERNELS_H
