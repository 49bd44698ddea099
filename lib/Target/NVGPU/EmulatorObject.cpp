//===- EmulatorObject.cpp - GPU kernels as code of this CPU ---------------===//
//
//   define ptx_kernel void @k(ptr addrspace(1) noalias readonly %x, i64 %n) {
//     %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
//     %v = load <4 x float>, ptr addrspace(1) %p
//   ->
//   define internal void @k(ptr %x, i64 %n) {
//     %t = call i32 @mixln_emu_read_ptx_sreg_tid_x()
//     call void @mixln_emu_access(ptr %p, i64 16, i32 0)
//     %v = load <4 x float>, ptr %p
//   define internal void @k.thread(ptr %pointers, ptr %sizes, ptr %values)
//   @mixln_emulated_kernels = constant [{ptr @k.thread, waits, ...}]
//
//===----------------------------------------------------------------------===//

#include "mixln/Target/EmulatorObject.h"
#include "EmulatedModule.h"
#include "mixln/Target/CodeGenerator.h"

#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Support/Regex.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace mixln;

//===----------------------------------------------------------------------===//
// Address spaces
//===----------------------------------------------------------------------===//

/// `text` without address spaces. Types are part of every value, and the
/// printed form is the one place where all of them can be changed at once.
static std::string dropAddressSpaces(StringRef text) {
  std::string result;
  result.reserve(text.size());
  constexpr StringRef kSpace = "addrspace(", kCast = "addrspacecast ";
  while (!text.empty()) {
    size_t found = text.find("addrspace");
    result += text.take_front(found);
    if (found == StringRef::npos)
      break;
    text = text.drop_front(found);
    if (text.consume_front(kCast)) {
      // Without spaces nothing changes: a cast of a type to itself.
      result += "bitcast ";
    } else if (text.consume_front(kSpace)) {
      text = text.drop_front(text.find(')') + 1);
      while (!result.empty() && result.back() == ' ')
        result.pop_back();
      // An alloca's space is its last operand.
      if (!result.empty() && result.back() == ',')
        result.pop_back();
    } else {
      result += text.front();
      text = text.drop_front();
    }
  }
  return result;
}

static Expected<std::unique_ptr<Module>>
toHost(Module &module, LLVMContext &context, const TargetMachine &machine) {
  std::string text;
  raw_string_ostream(text) << module;
  SMDiagnostic diagnostic;
  std::unique_ptr<Module> host =
      parseAssemblyString(dropAddressSpaces(text), diagnostic, context);
  if (!host)
    return createStringError(
        "the emulator's code does not parse: " + diagnostic.getMessage() +
        ": " + diagnostic.getLineContents());
  host->setTargetTriple(machine.getTargetTriple());
  host->setDataLayout(machine.createDataLayout());
  return host;
}

//===----------------------------------------------------------------------===//
// Wrappers and table
//===----------------------------------------------------------------------===//

/// A function that takes a thread's arguments from arrays.
static Function *addWrapper(Module &module, Function &kernel) {
  LLVMContext &context = module.getContext();
  IRBuilder<> builder(context);
  PointerType *pointer = builder.getPtrTy();
  auto *type = FunctionType::get(builder.getVoidTy(),
                                 {pointer, pointer, pointer}, false);
  auto *wrapper = Function::Create(type, GlobalValue::InternalLinkage,
                                   kernel.getName() + ".thread", module);
  builder.SetInsertPoint(BasicBlock::Create(context, "", wrapper));
  SmallVector<Value *> arguments;
  unsigned counts[3] = {0, 0, 0};
  for (Argument &argument : kernel.args()) {
    Type *argumentType = argument.getType();
    unsigned array = argumentType->isPointerTy()     ? 0
                     : argumentType->isIntegerTy(64) ? 1
                     : argumentType->isFloatTy()     ? 2
                                                     : 3;
    if (array == 3)
      return nullptr;
    Value *slot = builder.CreateConstInBoundsGEP1_64(
        argumentType, wrapper->getArg(array), counts[array]++);
    arguments.push_back(builder.CreateLoad(argumentType, slot));
  }
  builder.CreateCall(&kernel, arguments);
  builder.CreateRetVoid();
  return wrapper;
}

static Error addTable(Module &module, ArrayRef<std::string> phases,
                      const StringMap<PhaseFacts> &facts) {
  LLVMContext &context = module.getContext();
  IRBuilder<> builder(context);
  auto *row = StructType::get(builder.getPtrTy(), builder.getInt64Ty(),
                              builder.getInt64Ty(), builder.getInt64Ty());
  SmallVector<Constant *> rows;
  StringMap<Constant *> wrappers;
  for (const std::string &phase : phases) {
    if (phase.empty()) {
      rows.push_back(ConstantAggregateZero::get(row));
      continue;
    }
    Function *kernel = module.getFunction(phase);
    if (!kernel || kernel->isDeclaration())
      return createStringError("kernel phase " + phase + " has no code");
    Constant *&wrapper = wrappers[phase];
    if (!wrapper)
      wrapper = addWrapper(module, *kernel);
    if (!wrapper)
      return createStringError("kernel phase " + phase +
                               " has a parameter that is no pointer, i64 or "
                               "float");
    PhaseFacts about = facts.lookup(phase);
    rows.push_back(
        ConstantStruct::get(row, {wrapper, builder.getInt64(about.waits),
                                  builder.getInt64(about.staticSharedBytes),
                                  builder.getInt64(about.constantPointers)}));
  }
  auto *type = ArrayType::get(row, rows.size());
  new GlobalVariable(module, type, /*isConstant=*/true,
                     GlobalValue::ExternalLinkage,
                     ConstantArray::get(type, rows), "mixln_emulated_kernels");
  new GlobalVariable(module, builder.getInt64Ty(), /*isConstant=*/true,
                     GlobalValue::ExternalLinkage,
                     builder.getInt64(rows.size()), "mixln_emulated_count");
  return Error::success();
}

Expected<SmallVector<char, 0>>
mixln::emitEmulatorObject(const Module &kernels, ArrayRef<std::string> phases,
                          std::string *text) {
  auto machine = createHostMachine("x86-64-v3", "", CodeGenOptLevel::Default);
  if (!machine)
    return machine.takeError();
  StringMap<PhaseFacts> facts;
  auto rewritten = rewriteForEmulator(kernels, phases, facts);
  if (!rewritten)
    return rewritten.takeError();
  LLVMContext context;
  auto module = toHost(**rewritten, context, **machine);
  if (!module)
    return module.takeError();
  if (Error error = addTable(**module, phases, facts))
    return std::move(error);
  for (Function &function : **module)
    if (!function.isDeclaration()) {
      function.setLinkage(GlobalValue::InternalLinkage);
      function.addFnAttr("target-cpu", "x86-64-v3");
      function.addFnAttr(Attribute::NoUnwind);
    }
  std::string broken;
  raw_string_ostream brokenStream(broken);
  if (verifyModule(**module, &brokenStream))
    return createStringError("the emulator's code is not valid: " + broken);
  if (text)
    raw_string_ostream(*text) << **module;
  optimise(**module, **machine, OptimizationLevel::O1);

  return emitFile(**module, **machine, CodeGenFileType::ObjectFile);
}
