//===- GPU.h - From kernels to GPU code -------------------------*- C++ -*-===//

#ifndef MIXLN_TARGET_GPU_H
#define MIXLN_TARGET_GPU_H

#include "mixln/Support/GpuInfo.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <string>
#include <vector>

namespace llvm {
class LLVMContext;
class Module;
} // namespace llvm

namespace mixln {

/// Kernels in a form that a driver loads: program.h's GpuImage.
struct DeviceImage {
  std::string arch;
  std::string kind; ///< ptx or cubin
  std::string data;
};

/// The LLVM IR of a module that `lowerKernelsToLLVM` has seen, before any
/// optimisation and without a target; the emulator starts from it too.
llvm::Expected<std::unique_ptr<llvm::Module>>
translateKernels(mlir::ModuleOp module, llvm::LLVMContext &context);

/// Optimises the kernels for a GPU and writes them as PTX. With `text`, also
/// writes the optimised LLVM IR there.
llvm::Expected<std::string> emitPtx(llvm::Module &module, const GpuInfo &gpu,
                                    std::string *text = nullptr);

/// Path of ptxas: MIXLN_PTXAS, the toolkit of CUDA_HOME or CUDA_PATH, the
/// PATH, the usual folder; empty where there is none.
std::string findPtxas();

/// Assembles `ptx` with the ptxas at `path`. `report` gets what it says with
/// -v: registers, shared memory and spills of each kernel.
llvm::Expected<std::string> assemblePtx(llvm::StringRef path,
                                        llvm::StringRef ptx,
                                        llvm::StringRef arch,
                                        std::string *report = nullptr);

} // namespace mixln

#endif // MIXLN_TARGET_GPU_H
