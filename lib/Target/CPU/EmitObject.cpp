//===- EmitObject.cpp - From the llvm dialect to an object file -----------===//

#include "mixln/Target/CPU.h"

#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"
#include "llvm/TargetParser/Host.h"

using namespace llvm;
using namespace mixln;

static Expected<std::unique_ptr<TargetMachine>>
createMachine(const TargetInfo &target) {
  InitializeNativeTarget();
  InitializeNativeTargetAsmPrinter();
  Triple triple(sys::getDefaultTargetTriple());
  std::string error;
  const Target *entry = TargetRegistry::lookupTarget(triple, error);
  if (!entry)
    return createStringError(error);
  TargetOptions options;
  std::unique_ptr<TargetMachine> machine(entry->createTargetMachine(
      triple, target.cpu, target.features, options, Reloc::PIC_, std::nullopt,
      CodeGenOptLevel::Aggressive));
  if (!machine)
    return createStringError("no code generator for " + triple.str());
  return machine;
}

static void optimise(Module &module, TargetMachine &machine) {
  LoopAnalysisManager loops;
  FunctionAnalysisManager functions;
  CGSCCAnalysisManager graphs;
  ModuleAnalysisManager modules;
  PassBuilder builder(&machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(graphs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, graphs, modules);
  builder.buildPerModuleDefaultPipeline(OptimizationLevel::O3)
      .run(module, modules);
}

Expected<SmallVector<char, 0>> mixln::emitObject(mlir::ModuleOp module,
                                                 const TargetInfo &target,
                                                 std::string *text) {
  auto machine = createMachine(target);
  if (!machine)
    return machine.takeError();
  LLVMContext context;
  std::unique_ptr<Module> ir = mlir::translateModuleToLLVMIR(module, context);
  if (!ir)
    return createStringError("the kernels do not translate to LLVM IR");
  ir->setTargetTriple((*machine)->getTargetTriple());
  ir->setDataLayout((*machine)->createDataLayout());
  std::string width = std::to_string(target.lanes * 32);
  for (Function &function : *ir) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", target.cpu);
    if (!target.features.empty())
      function.addFnAttr("target-features", target.features);
    function.addFnAttr("prefer-vector-width", width);
    function.addFnAttr(Attribute::NoUnwind);
    function.addFnAttr(Attribute::NoFree);
  }
  optimise(*ir, **machine);
  if (text) {
    raw_string_ostream stream(*text);
    ir->print(stream, nullptr);
  }

  SmallVector<char, 0> object;
  raw_svector_ostream stream(object);
  legacy::PassManager passes;
  if ((*machine)->addPassesToEmitFile(passes, stream, nullptr,
                                      CodeGenFileType::ObjectFile))
    return createStringError("the code generator writes no object files");
  passes.run(*ir);
  return object;
}

Expected<SmallVector<char, 0>> mixln::compileKernels(mlir::ModuleOp module,
                                                     const TargetInfo &target) {
  if (failed(lowerKernelsToLLVM(module)))
    return createStringError("the kernels do not lower to the llvm dialect");
  return emitObject(module, target);
}
