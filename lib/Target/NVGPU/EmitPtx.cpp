//===- EmitPtx.cpp - From the llvm dialect to PTX -------------------------===//

#include "mixln/Target/GPU.h"

#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"

using namespace llvm;
using namespace mixln;

extern "C" void LLVMInitializeNVPTXTargetInfo();
extern "C" void LLVMInitializeNVPTXTarget();
extern "C" void LLVMInitializeNVPTXTargetMC();
extern "C" void LLVMInitializeNVPTXAsmPrinter();

static Expected<std::unique_ptr<TargetMachine>>
createMachine(const GpuInfo &gpu) {
  LLVMInitializeNVPTXTargetInfo();
  LLVMInitializeNVPTXTarget();
  LLVMInitializeNVPTXTargetMC();
  LLVMInitializeNVPTXAsmPrinter();
  Triple triple("nvptx64-nvidia-cuda");
  std::string error;
  const Target *entry = TargetRegistry::lookupTarget(triple, error);
  if (!entry)
    return createStringError(error);
  TargetOptions options;
  std::unique_ptr<TargetMachine> machine(entry->createTargetMachine(
      triple, gpu.arch, gpu.features, options, std::nullopt, std::nullopt,
      CodeGenOptLevel::Aggressive));
  if (!machine)
    return createStringError("no code generator for " + triple.str());
  return machine;
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
  auto machine = createMachine(gpu);
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
  LoopAnalysisManager loops;
  FunctionAnalysisManager functions;
  CGSCCAnalysisManager graphs;
  ModuleAnalysisManager modules;
  PassBuilder builder(machine->get());
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(graphs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, graphs, modules);
  builder.buildPerModuleDefaultPipeline(OptimizationLevel::O3)
      .run(module, modules);
  if (text) {
    raw_string_ostream stream(*text);
    module.print(stream, nullptr);
  }
  SmallVector<char, 0> ptx;
  raw_svector_ostream stream(ptx);
  legacy::PassManager passes;
  if ((*machine)->addPassesToEmitFile(passes, stream, nullptr,
                                      CodeGenFileType::AssemblyFile))
    return createStringError("the code generator writes no PTX");
  passes.run(module);
  return std::string(ptx.data(), ptx.size());
}
