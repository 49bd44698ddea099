//===- EmulatedModule.cpp - Intrinsics and accesses as calls --------------===//
//
//   %s = call float @llvm.nvvm.shfl.sync.bfly.f32(i32 -1, float %v, ...)
//   %t = fptrunc float %s to bfloat
//   store bfloat %t, ptr addrspace(3) @mixln_shared
//   ->
//   %shared = call ptr addrspace(3) @mixln_emu_shared()
//   %s = call float @mixln_emu_shfl_sync_bfly_f32(i32 -1, float %v, ...)
//   %t = ... rounding by integer operations
//   call void @mixln_emu_access(ptr %shared, i64 2, i32 1)
//   store bfloat %t, ptr addrspace(3) %shared
//
//===----------------------------------------------------------------------===//

#include "EmulatedModule.h"

#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Analysis/ValueTracking.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/ReplaceConstant.h"
#include "llvm/Transforms/Utils/Cloning.h"

using namespace llvm;
using namespace mixln;

namespace {

constexpr unsigned kSharedSpace = 3, kLocalSpace = 5;
constexpr StringRef kPrefix = "mixln_emu_";

struct Emulated {
  StringRef name;
  bool waits;
};
const Emulated emulated[] = {
#define MIXLN_EMULATED(name, waits) {#name, waits},
#include "mixln-rt/emulated-intrinsics.def"
#undef MIXLN_EMULATED
};

const Emulated *findEmulated(StringRef name) {
  for (const Emulated &entry : emulated)
    if (entry.name == name)
      return &entry;
  return nullptr;
}

class Rewriter {
public:
  explicit Rewriter(Module &module)
      : module(module), builder(module.getContext()) {}

  Error run();
  PhaseFacts factsOf(Function &kernel);

private:
  Error replaceIntrinsics();
  Error replaceIntrinsic(Function &intrinsic);
  void replaceSharedMemory();
  void replaceApproximations(Function &function);
  Value *roundBits(Value *number);
  void replaceBFloat16(Function &function);
  void checkAccesses(Function &function);
  void addAccess(Value *pointer, Value *bytes, bool isWrite,
                 uint64_t alignment = 1);
  void dropTargetFacts();
  bool waits(Function &function);

  /// Calls an emulator's function by the rules of emulated-intrinsics.def.
  Value *callEmulator(StringRef name, Type *result,
                      ArrayRef<Value *> arguments);
  Value *approximate(StringRef name, Instruction &inst);

  Module &module;
  IRBuilder<> builder;
  int64_t staticSharedBytes = 0;
  DenseMap<Function *, uint64_t> constantPointers;
  SmallPtrSet<Function *, 32> visited;
};

} // namespace

//===----------------------------------------------------------------------===//
// Calls of the emulator
//===----------------------------------------------------------------------===//

/// The type that a scalar or a small vector travels as.
static Type *travelType(Type *type) {
  LLVMContext &context = type->getContext();
  if (type->isIntegerTy(1))
    return Type::getInt32Ty(context);
  if (type->isVectorTy() || type->isBFloatTy() || type->isHalfTy())
    return Type::getIntNTy(context, type->getPrimitiveSizeInBits());
  return type;
}

Value *Rewriter::callEmulator(StringRef name, Type *result,
                              ArrayRef<Value *> arguments) {
  SmallVector<Value *> values;
  SmallVector<Type *> types;
  Value *slot = nullptr;
  Type *returned = travelType(result);
  if (result->isStructTy()) {
    Function *function = builder.GetInsertBlock()->getParent();
    IRBuilder<> atEntry(&function->getEntryBlock(),
                        function->getEntryBlock().begin());
    slot = atEntry.CreateAlloca(result);
    values.push_back(slot);
    returned = builder.getVoidTy();
  }
  for (Value *argument : arguments) {
    Type *type = travelType(argument->getType());
    if (argument->getType()->isIntegerTy(1))
      argument = builder.CreateZExt(argument, type);
    else if (type != argument->getType())
      argument = builder.CreateBitCast(argument, type);
    values.push_back(argument);
  }
  for (Value *value : values)
    types.push_back(value->getType());
  auto *type = FunctionType::get(returned, types, false);
  FunctionCallee callee =
      module.getOrInsertFunction((kPrefix + name).str(), type);
  Value *call = builder.CreateCall(type, callee.getCallee(), values);
  if (slot)
    return builder.CreateLoad(result, slot);
  if (result->isIntegerTy(1))
    return builder.CreateICmpNE(call, builder.getInt32(0));
  return returned == result ? call : builder.CreateBitCast(call, result);
}

/// llvm.nvvm.ldmatrix.sync...b16.p3 -> ldmatrix_sync_..._b16
static std::string emulatorName(StringRef intrinsic) {
  intrinsic.consume_front("llvm.nvvm.");
  SmallVector<StringRef> parts;
  intrinsic.split(parts, '.');
  while (parts.size() > 1 && parts.back().size() == 2 &&
         parts.back()[0] == 'p' && isDigit(parts.back()[1]))
    parts.pop_back();
  return llvm::join(parts, "_");
}

Error Rewriter::replaceIntrinsic(Function &intrinsic) {
  std::string name = emulatorName(intrinsic.getName());
  if (!findEmulated(name)) {
    StringRef user = "nothing";
    for (User *use : intrinsic.users())
      if (auto *inst = dyn_cast<Instruction>(use))
        user = inst->getFunction()->getName();
    return createStringError("the emulator has no " + intrinsic.getName() +
                             ", which " + user + " calls");
  }
  for (User *user : make_early_inc_range(intrinsic.users())) {
    auto *call = dyn_cast<CallInst>(user);
    if (!call)
      return createStringError(intrinsic.getName() + " is not only called");
    builder.SetInsertPoint(call);
    SmallVector<Value *> arguments(call->args());
    Value *result = callEmulator(name, call->getType(), arguments);
    if (!call->getType()->isVoidTy())
      call->replaceAllUsesWith(result);
    call->eraseFromParent();
  }
  intrinsic.eraseFromParent();
  return Error::success();
}

Error Rewriter::replaceIntrinsics() {
  for (Function &function : make_early_inc_range(module))
    if (function.isDeclaration() &&
        function.getName().starts_with("llvm.nvvm.")) {
      if (function.use_empty())
        function.eraseFromParent();
      else if (Error error = replaceIntrinsic(function))
        return error;
    }
  for (Function &function : module)
    for (Instruction &inst : instructions(function))
      if (auto *call = dyn_cast<CallInst>(&inst); call && call->isInlineAsm())
        return createStringError("kernel " + function.getName() +
                                 " has inline PTX, which no emulator can run");
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Shared memory
//===----------------------------------------------------------------------===//

void Rewriter::replaceSharedMemory() {
  DenseMap<GlobalVariable *, int64_t> offsets;
  SmallVector<GlobalVariable *> globals;
  SmallVector<Constant *> constants;
  constexpr int64_t kAlignment = 128;
  const DataLayout &layout = module.getDataLayout();
  for (GlobalVariable &global : module.globals()) {
    if (global.getAddressSpace() != kSharedSpace)
      continue;
    globals.push_back(&global);
    constants.push_back(&global);
    if (global.isDeclaration())
      continue; // the dynamic part, behind all others
    int64_t alignment = global.getAlign().valueOrOne().value();
    staticSharedBytes = alignTo(staticSharedBytes, alignment);
    offsets[&global] = staticSharedBytes;
    staticSharedBytes += layout.getTypeAllocSize(global.getValueType());
  }
  staticSharedBytes = alignTo(staticSharedBytes, kAlignment);
  convertUsersOfConstantsToInstructions(constants);
  for (GlobalVariable *global : globals) {
    DenseMap<Function *, Value *> bases;
    for (Use &use : make_early_inc_range(global->uses())) {
      auto *inst = dyn_cast<Instruction>(use.getUser());
      if (!inst)
        continue;
      Value *&base = bases[inst->getFunction()];
      if (!base) {
        BasicBlock &entry = inst->getFunction()->getEntryBlock();
        builder.SetInsertPoint(&entry, entry.begin());
        auto *type = FunctionType::get(global->getType(), false);
        base = builder.CreateCall(
            type,
            module.getOrInsertFunction("mixln_emu_shared", type).getCallee());
        int64_t offset = global->isDeclaration() ? staticSharedBytes
                                                 : offsets.lookup(global);
        base = builder.CreateConstGEP1_64(builder.getInt8Ty(), base, offset);
      }
      use.set(base);
    }
  }
  for (GlobalVariable *global : globals) {
    global->removeDeadConstantUsers();
    if (global->use_empty())
      global->eraseFromParent();
  }
}

//===----------------------------------------------------------------------===//
// Arithmetic that NVPTX approximates
//===----------------------------------------------------------------------===//

Value *Rewriter::approximate(StringRef name, Instruction &inst) {
  builder.SetInsertPoint(&inst);
  SmallVector<Value *> operands;
  if (auto *call = dyn_cast<CallInst>(&inst))
    operands.assign(call->arg_begin(), call->arg_end());
  else
    operands.assign(inst.op_begin(), inst.op_end());
  auto *vector = dyn_cast<FixedVectorType>(inst.getType());
  if (!vector)
    return callEmulator(name, inst.getType(), operands);
  Value *result = PoisonValue::get(vector);
  for (unsigned i = 0; i < vector->getNumElements(); ++i) {
    SmallVector<Value *> elements;
    for (Value *operand : operands)
      elements.push_back(builder.CreateExtractElement(operand, i));
    result = builder.CreateInsertElement(
        result, callEmulator(name, vector->getElementType(), elements), i);
  }
  return result;
}

void Rewriter::replaceApproximations(Function &function) {
  for (Instruction &inst : make_early_inc_range(instructions(function))) {
    if (!isa<FPMathOperator>(inst) || !inst.hasApproxFunc() ||
        !inst.getType()->getScalarType()->isFloatTy())
      continue;
    StringRef name;
    if (inst.getOpcode() == Instruction::FDiv)
      name = "div_approx_f";
    else if (auto *call = dyn_cast<IntrinsicInst>(&inst))
      switch (call->getIntrinsicID()) {
      case Intrinsic::exp2:
        name = "ex2_approx_f32";
        break;
      case Intrinsic::log2:
        name = "lg2_approx_f";
        break;
      case Intrinsic::sqrt:
        name = "sqrt_approx_f";
        break;
      case Intrinsic::sin:
        name = "sin_approx_f";
        break;
      case Intrinsic::cos:
        name = "cos_approx_f";
        break;
      case Intrinsic::tanh:
        name = "tanh_approx_f";
        break;
      default:
        break;
      }
    if (name.empty())
      continue;
    inst.replaceAllUsesWith(approximate(name, inst));
    inst.eraseFromParent();
  }
}

/// `type`, a bf16 or a vector of them, with integers of `bits` bits instead.
static Type *integersOf(Type *type, unsigned bits) {
  Type *integer = Type::getIntNTy(type->getContext(), bits);
  if (auto *vector = dyn_cast<FixedVectorType>(type))
    return FixedVectorType::get(integer, vector->getNumElements());
  return integer;
}

/// The 16 bits of the nearest bf16, ties to even.
Value *Rewriter::roundBits(Value *number) {
  Type *type = number->getType();
  auto constant = [&](uint64_t value) {
    return ConstantInt::get(integersOf(type, 32), value);
  };
  Value *bits = builder.CreateBitCast(number, integersOf(type, 32));
  Value *odd = builder.CreateAnd(builder.CreateLShr(bits, 16), constant(1));
  Value *sum =
      builder.CreateAdd(bits, builder.CreateAdd(odd, constant(0x7fff)));
  Value *isNan = builder.CreateFCmpUNO(number, number);
  Value *kept = builder.CreateSelect(isNan, constant(0x7fff),
                                     builder.CreateLShr(sum, 16));
  return builder.CreateTrunc(kept, integersOf(type, 16));
}

/// Loads, stores and conversions of bf16 by integers: without instructions for
/// the type, x86 would call a library that not every system has.
void Rewriter::replaceBFloat16(Function &function) {
  for (Instruction &inst : make_early_inc_range(instructions(function))) {
    builder.SetInsertPoint(&inst);
    Type *type = inst.getType();
    auto isBFloat16 = [](Type *type) {
      return type->getScalarType()->isBFloatTy();
    };
    auto isFloat = [](Type *type) {
      return type->getScalarType()->isFloatTy();
    };
    Value *replacement = nullptr;
    if (auto *load = dyn_cast<LoadInst>(&inst); load && isBFloat16(type)) {
      Value *bits = builder.CreateAlignedLoad(
          integersOf(type, 16), load->getPointerOperand(), load->getAlign());
      replacement = builder.CreateBitCast(bits, type);
    } else if (auto *store = dyn_cast<StoreInst>(&inst);
               store && isBFloat16(store->getValueOperand()->getType())) {
      Value *value = store->getValueOperand();
      store->setOperand(
          0, builder.CreateBitCast(value, integersOf(value->getType(), 16)));
    } else if (isa<FPTruncInst>(inst) && isBFloat16(type) &&
               isFloat(inst.getOperand(0)->getType())) {
      replacement = builder.CreateBitCast(roundBits(inst.getOperand(0)), type);
    } else if (isa<FPExtInst>(inst) && isFloat(type) &&
               isBFloat16(inst.getOperand(0)->getType())) {
      Value *bits =
          builder.CreateBitCast(inst.getOperand(0), integersOf(type, 16));
      bits =
          builder.CreateShl(builder.CreateZExt(bits, integersOf(type, 32)), 16);
      replacement = builder.CreateBitCast(bits, type);
    }
    if (replacement) {
      inst.replaceAllUsesWith(replacement);
      inst.eraseFromParent();
    }
  }
}

//===----------------------------------------------------------------------===//
// Accesses
//===----------------------------------------------------------------------===//

void Rewriter::addAccess(Value *pointer, Value *bytes, bool isWrite,
                         uint64_t alignment) {
  if (pointer->getType()->getPointerAddressSpace() == kLocalSpace)
    return;
  const Value *object = getUnderlyingObject(pointer, 0);
  if (isa<AllocaInst>(object) || isa<GlobalVariable>(object))
    return;
  // No access of a GPU is wider: what is, it makes in parts.
  constexpr uint64_t kWidest = 16;
  alignment = std::min(alignment, kWidest);
  Value *generic = builder.CreateAddrSpaceCast(pointer, builder.getPtrTy());
  auto *type = FunctionType::get(
      builder.getVoidTy(),
      {builder.getPtrTy(), builder.getInt64Ty(), builder.getInt32Ty()}, false);
  builder.CreateCall(
      type, module.getOrInsertFunction("mixln_emu_access", type).getCallee(),
      {generic, builder.CreateZExtOrTrunc(bytes, builder.getInt64Ty()),
       builder.getInt32(isWrite | alignment << 1)});
}

void Rewriter::checkAccesses(Function &function) {
  const DataLayout &layout = module.getDataLayout();
  auto sizeOf = [&](Type *type) {
    return builder.getInt64(layout.getTypeStoreSize(type));
  };
  for (Instruction &inst : make_early_inc_range(instructions(function))) {
    builder.SetInsertPoint(&inst);
    if (auto *load = dyn_cast<LoadInst>(&inst)) {
      addAccess(load->getPointerOperand(), sizeOf(load->getType()), false,
                load->getAlign().value());
    } else if (auto *store = dyn_cast<StoreInst>(&inst)) {
      addAccess(store->getPointerOperand(),
                sizeOf(store->getValueOperand()->getType()), true,
                store->getAlign().value());
    } else if (auto *atomic = dyn_cast<AtomicRMWInst>(&inst)) {
      addAccess(atomic->getPointerOperand(), sizeOf(atomic->getType()), true);
    } else if (auto *copy = dyn_cast<MemTransferInst>(&inst)) {
      addAccess(copy->getRawSource(), copy->getLength(), false);
      addAccess(copy->getRawDest(), copy->getLength(), true);
    } else if (auto *set = dyn_cast<MemSetInst>(&inst)) {
      addAccess(set->getRawDest(), set->getLength(), true);
    }
  }
}

//===----------------------------------------------------------------------===//
// The module
//===----------------------------------------------------------------------===//

/// Calling conventions and attributes that promise what a CPU does not know,
/// or that say what the emulator wants to see for itself.
void Rewriter::dropTargetFacts() {
  for (Function &function : module) {
    if (function.isDeclaration()) {
      if (!function.isIntrinsic())
        function.setAttributes({});
      continue;
    }
    uint64_t constant = 0;
    for (Argument &argument : function.args())
      if (argument.getType()->isPointerTy() && argument.getArgNo() < 64 &&
          argument.hasNoAliasAttr() && argument.onlyReadsMemory())
        constant |= uint64_t(1) << argument.getArgNo();
    constantPointers[&function] = constant;
    function.setAttributes({});
    function.setCallingConv(CallingConv::C);
    for (Instruction &inst : instructions(function)) {
      SmallVector<std::pair<unsigned, MDNode *>> nodes;
      inst.getAllMetadata(nodes);
      for (auto &[kind, node] : nodes)
        inst.setMetadata(kind, nullptr);
      if (auto *call = dyn_cast<CallBase>(&inst)) {
        call->setCallingConv(CallingConv::C);
        if (!isa<IntrinsicInst>(call))
          call->setAttributes({});
      }
    }
  }
  for (NamedMDNode &node : make_early_inc_range(module.named_metadata()))
    module.eraseNamedMetadata(&node);
}

Error Rewriter::run() {
  dropTargetFacts();
  if (Error error = replaceIntrinsics())
    return error;
  replaceSharedMemory();
  for (Function &function : module) {
    replaceApproximations(function);
    replaceBFloat16(function);
    checkAccesses(function);
  }
  module.setTargetTriple(Triple());
  module.setDataLayout("");
  return Error::success();
}

bool Rewriter::waits(Function &function) {
  StringRef name = function.getName();
  if (name.consume_front(kPrefix)) {
    const Emulated *entry = findEmulated(name);
    return entry && entry->waits;
  }
  if (!visited.insert(&function).second)
    return false;
  for (Instruction &inst : instructions(function))
    if (auto *call = dyn_cast<CallInst>(&inst))
      if (Function *callee = call->getCalledFunction();
          callee && waits(*callee))
        return true;
  return false;
}

PhaseFacts Rewriter::factsOf(Function &kernel) {
  visited.clear();
  PhaseFacts facts;
  facts.waits = waits(kernel);
  facts.staticSharedBytes = staticSharedBytes;
  facts.constantPointers = constantPointers.lookup(&kernel);
  return facts;
}

Expected<std::unique_ptr<Module>>
mixln::rewriteForEmulator(const Module &kernels, ArrayRef<std::string> phases,
                          StringMap<PhaseFacts> &facts) {
  std::unique_ptr<Module> module = CloneModule(kernels);
  Rewriter rewriter(*module);
  if (Error error = rewriter.run())
    return std::move(error);
  for (const std::string &phase : phases)
    if (Function *kernel = module->getFunction(phase); kernel && !phase.empty())
      facts[phase] = rewriter.factsOf(*kernel);
  return module;
}
