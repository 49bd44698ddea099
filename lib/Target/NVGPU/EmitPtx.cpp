//===- EmitPtx.cpp - From the llvm dialect to PTX -------------------------===//

#include "mixln/Target/CodeGenerator.h"
#include "mixln/Target/GPU.h"

#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace mixln;

extern "C" void LLVMInitializeNVPTXTargetInfo();
extern "C" void LLVMInitializeNVPTXTarget();
extern "C" void LLVMInitializeNVPTXTargetMC();
extern "C" void LLVMInitializeNVPTXAsmPrinter();

static Expected<std::unique_ptr<TargetMachine>>
createGpuMachine(const GpuInfo &gpu) {
  LLVMInitializeNVPTXTargetInfo();
  LLVMInitializeNVPTXTarget();
  LLVMInitializeNVPTXTargetMC();
  LLVMInitializeNVPTXAsmPrinter();
  return createMachine(Triple("nvptx64-nvidia-cuda"), gpu.arch, gpu.features,
                       std::nullopt);
}

Expected<std::unique_ptr<Module>>
mixln::translateKernels(mlir::ModuleOp module, LLVMContext &context) {
  std::unique_ptr<Module> ir = mlir::translateModuleToLLVMIR(module, context);
  if (!ir)
    return createStringError("the kernels do not translate to LLVM IR");
  return ir;
}

Expected<std::string> mixln::emitPtx(Module &module, const GpuInfo &gpu,
                                     std::string *text) {
  auto machine = createGpuMachine(gpu);
  if (!machine)
    return machine.takeError();
  module.setTargetTriple((*machine)->getTargetTriple());
  module.setDataLayout((*machine)->createDataLayout());
  for (Function &function : module) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", gpu.arch);
    function.addFnAttr("target-features", gpu.features);
    function.addFnAttr(Attribute::NoUnwind);
  }
  optimise(module, **machine, OptimizationLevel::O3);
  if (text) {
    raw_string_ostream stream(*text);
    module.print(stream, nullptr);
  }
  auto ptx = emitFile(module, **machine, CodeGenFileType::AssemblyFile);
  if (!ptx)
    return ptx.takeError();
  return std::string(ptx->data(), ptx->size());
}
