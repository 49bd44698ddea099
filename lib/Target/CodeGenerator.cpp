//===- CodeGenerator.cpp --------------------------------------------------===//

#include "mixln/Target/CodeGenerator.h"

#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetOptions.h"
#include "llvm/TargetParser/Host.h"

using namespace llvm;
using namespace mixln;

Expected<std::unique_ptr<TargetMachine>>
mixln::createMachine(const Triple &triple, StringRef cpu, StringRef features,
                     std::optional<Reloc::Model> relocation,
                     CodeGenOptLevel level) {
  std::string error;
  const Target *entry = TargetRegistry::lookupTarget(triple, error);
  if (!entry)
    return createStringError(error);
  std::unique_ptr<TargetMachine> machine(entry->createTargetMachine(
      triple, cpu, features, TargetOptions(), relocation, std::nullopt, level));
  if (!machine)
    return createStringError("no code generator for " + triple.str());
  return machine;
}

Expected<std::unique_ptr<TargetMachine>>
mixln::createHostMachine(StringRef cpu, StringRef features,
                         CodeGenOptLevel level) {
  InitializeNativeTarget();
  InitializeNativeTargetAsmPrinter();
  return createMachine(Triple(sys::getDefaultTargetTriple()), cpu, features,
                       Reloc::PIC_, level);
}

void mixln::optimise(Module &module, TargetMachine &machine,
                     OptimizationLevel level) {
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
  builder.buildPerModuleDefaultPipeline(level).run(module, modules);
}

Expected<SmallVector<char, 0>>
mixln::emitFile(Module &module, TargetMachine &machine, CodeGenFileType type) {
  SmallVector<char, 0> bytes;
  raw_svector_ostream stream(bytes);
  legacy::PassManager passes;
  if (machine.addPassesToEmitFile(passes, stream, nullptr, type))
    return createStringError("the code generator of " +
                             module.getTargetTriple().str() +
                             " writes no such file");
  passes.run(module);
  return bytes;
}
