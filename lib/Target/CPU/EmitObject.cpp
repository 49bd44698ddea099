//===- EmitObject.cpp - From the llvm dialect to an object file -----------===//

#include "mixln/Target/CPU.h"
#include "mixln/Target/CodeGenerator.h"

#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace mixln;

Expected<SmallVector<char, 0>> mixln::emitObject(mlir::ModuleOp module,
                                                 const TargetInfo &target,
                                                 std::string *text) {
  auto machine = createHostMachine(target.cpu, target.features);
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
  optimise(*ir, **machine, OptimizationLevel::O3);
  if (text) {
    raw_string_ostream stream(*text);
    ir->print(stream, nullptr);
  }

  return emitFile(*ir, **machine, CodeGenFileType::ObjectFile);
}

Expected<SmallVector<char, 0>> mixln::compileKernels(mlir::ModuleOp module,
                                                     const TargetInfo &target) {
  if (failed(lowerKernelsToLLVM(module)))
    return createStringError("the kernels do not lower to the llvm dialect");
  return emitObject(module, target);
}
