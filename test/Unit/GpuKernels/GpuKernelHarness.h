//===- GpuKernelHarness.h - One GPU kernel on the emulator ------*- C++ -*-===//

#ifndef MIXLN_TEST_GPUKERNELS_GPUKERNELHARNESS_H
#define MIXLN_TEST_GPUKERNELS_GPUKERNELHARNESS_H

#include "device/Device.h"
#include "device/ThreadPool.h"
#include "mixln/Interpreter/Interpreter.h"
#include "mixln/Target/CPU.h"
#include "mixln/Target/GpuKernels.h"

#include "llvm/IR/Module.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>

namespace mixln {

/// The prototype of the one `mixln.kernel` of `text` with random operands,
/// beside the interpreter.
class GpuKernelRun {
public:
  GpuKernelRun(const std::string &text,
               MatmulSource matmuls = MatmulSource::Generated);

  /// Barriers of blocks and warps, and waits for copies, in the kernel's code.
  int countBarriers();
  /// Compiles it, without barrier `without` (-1: with all), and runs it;
  /// returns why it failed, or an empty text.
  std::string run(int without = -1, uint64_t seed = 1);
  /// The largest relative error of a result.
  double error();
  const std::vector<double> &getResult(unsigned i) { return results[i].data; }

private:
  std::unique_ptr<llvm::Module> translate(llvm::LLVMContext &context,
                                          std::vector<std::string> &phases);
  void fillOperands();

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::Operation *op = nullptr;
  GpuKernels kernels;
  std::vector<Array> operands, results;
};

} // namespace mixln

#endif // MIXLN_TEST_GPUKERNELS_GPUKERNELHARNESS_H
