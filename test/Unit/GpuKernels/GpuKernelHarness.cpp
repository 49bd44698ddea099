//===- GpuKernelHarness.cpp - One GPU kernel on the emulator --------------===//

#include "GpuKernelHarness.h"
#include "mixln/IR/Joined.h"
#include "mixln/IR/TensorType.h"
#include "mixln/Target/EmulatorObject.h"
#include "mixln/Target/GPU.h"
#include "mixln/Transforms/Plan/Storage.h"
#include "support/BFloat16.h"
#include "support/Errors.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Parser/Parser.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/LLVMContext.h"

#include <cmath>

using namespace mlir;
using namespace mixln;

extern "C" char *mixln_emu_shared();
/// Keeps what the compiled code calls in this program.
extern char *(*const keptEmulator)();
char *(*const keptEmulator)() = mixln_emu_shared;

static DialectRegistry makeRegistry() {
  DialectRegistry registry;
  registerKernelDialects(registry);
  registry.insert<MixlnDialect, arith::ArithDialect, math::MathDialect,
                  vector::VectorDialect>();
  return registry;
}

GpuKernelRun::GpuKernelRun(const std::string &text, MatmulSource matmuls)
    : context(makeRegistry()),
      kernels(cantFail(GpuInfo::create("sm_80")), matmuls) {
  context.loadAllAvailableDialects();
  module = parseSourceString<ModuleOp>(text, &context);
  EXPECT_TRUE(module);
  op = (*module->getOps<KernelOp>().begin()).getPrototype();
  fillOperands();
}

/// What memory of this type holds: kernel and interpreter read the same
/// numbers.
static void roundTo(Type type, Array &array) {
  for (double &element : array.data)
    element = type.isBF16() ? roundToBF16(element)
                            : static_cast<double>(static_cast<float>(element));
}

void GpuKernelRun::fillOperands() {
  std::mt19937 random(std::random_device{}());
  std::normal_distribution<double> normal;
  for (Value operand : op->getOperands()) {
    Array array = Array::undefined(typeOf(operand).getShape());
    for (double &element : array.data)
      element = normal(random);
    roundTo(typeOf(operand).getElementType(), array);
    operands.push_back(std::move(array));
  }
  // Tables of angles: a rotation leaves the size of what it turns, and scores
  // that are not far apart lose no digits in the backward.
  if (isa<AttentionOp, AttentionGradOp>(op)) {
    for (auto [angle, sine] :
         llvm::zip_equal(operands[3].data, operands[4].data)) {
      sine = std::sin(angle);
      angle = std::cos(angle);
    }
    for (int i : {3, 4})
      roundTo(typeOf(op->getOperand(i)).getElementType(), operands[i]);
  }
  // The backward takes what the forward gives, for probabilities to sum to 1.
  if (auto gradient = dyn_cast<AttentionGradOp>(op)) {
    OpBuilder builder(op);
    auto forward = AttentionOp::create(
        builder, op->getLoc(),
        TypeRange{gradient.getCtx().getType(), gradient.getLse().getType()},
        ValueRange{gradient.getQ(), gradient.getK(), gradient.getV(),
                   gradient.getCos(), gradient.getSin()},
        gradient->getAttrs());
    SmallVector<Array> made;
    EXPECT_TRUE(succeeded(
        interpretOperation(forward, ArrayRef(operands).take_front(5), made)));
    for (int i = 0; i < 2; ++i) {
      roundTo(typeOf(op->getOperand(5 + i)).getElementType(), made[i]);
      operands[5 + i] = made[i];
    }
    forward.erase();
  }
}

std::unique_ptr<llvm::Module>
GpuKernelRun::translate(llvm::LLVMContext &llvmContext,
                        std::vector<std::string> &phases) {
  OwningOpRef<ModuleOp> code = ModuleOp::create(UnknownLoc::get(&context));
  SmallVector<std::string> symbols;
  EXPECT_TRUE(succeeded(kernels.emitKernel(op, "kernel", *code, symbols)));
  EXPECT_TRUE(succeeded(lowerKernelsToLLVM(*code)));
  phases.assign(symbols.begin(), symbols.end());
  return cantFail(translateKernels(*code, llvmContext));
}

static std::vector<llvm::Instruction *> barriersOf(llvm::Module &module) {
  std::vector<llvm::Instruction *> found;
  for (llvm::Function &function : module)
    for (llvm::Instruction &inst : llvm::instructions(function)) {
      auto *call = dyn_cast<llvm::CallInst>(&inst);
      if (!call || !call->getCalledFunction())
        continue;
      StringRef name = call->getCalledFunction()->getName();
      if (name.starts_with("llvm.nvvm.barrier.") ||
          name == "llvm.nvvm.bar.warp.sync" ||
          name == "llvm.nvvm.cp.async.wait.group")
        found.push_back(call);
    }
  return found;
}

int GpuKernelRun::countBarriers() {
  llvm::LLVMContext llvmContext;
  std::vector<std::string> phases;
  return static_cast<int>(barriersOf(*translate(llvmContext, phases)).size());
}

//===----------------------------------------------------------------------===//
// Bytes
//===----------------------------------------------------------------------===//

static std::vector<char> toBytes(const Array &array, Type element) {
  std::vector<char> bytes(array.data.size() *
                          (element.getIntOrFloatBitWidth() / 8));
  for (auto [i, value] : llvm::enumerate(array.data)) {
    auto number = static_cast<float>(value);
    if (element.isBF16())
      reinterpret_cast<uint16_t *>(bytes.data())[i] = rt::toBFloat16(number);
    else
      reinterpret_cast<float *>(bytes.data())[i] = number;
  }
  return bytes;
}

static void fromBytes(const std::vector<char> &bytes, Type element,
                      Array &array) {
  for (auto [i, value] : llvm::enumerate(array.data))
    value = element.isBF16()
                ? rt::fromBFloat16(
                      reinterpret_cast<const uint16_t *>(bytes.data())[i])
                : reinterpret_cast<const float *>(bytes.data())[i];
}

std::string GpuKernelRun::run(int without, uint64_t seed) {
  llvm::LLVMContext llvmContext;
  std::vector<std::string> phases;
  std::unique_ptr<llvm::Module> code = translate(llvmContext, phases);
  if (without >= 0)
    barriersOf(*code)[without]->eraseFromParent();
  auto object = cantFail(emitEmulatorObject(*code, phases));
  auto jit = cantFail(KernelJit::create(object));
  const auto *table = static_cast<const rt::EmulatedPhase *>(
      cantFail(jit->lookup("mixln_emulated_kernels")));

  rt::Program program;
  program.target = "cuda";
  rt::Kernel &kernel = program.kernels.emplace_back();
  kernel.name = "kernel";
  kernel.phases = phases;
  kernels.describe(op, kernel);
  Launch launch = kernels.getLaunch(op);
  rt::Dispatch dispatch;
  dispatch.tasks.assign(launch.tasks.begin(), launch.tasks.end());
  dispatch.sizes.assign(launch.sizes.begin(), launch.sizes.end());
  auto place = [&](int64_t bytes, bool reads, bool writes) {
    constexpr int64_t kPage = 4096;
    dispatch.operands.push_back({program.arenaBytes, bytes, reads, writes});
    program.arenaBytes += (bytes + kPage - 1) / kPage * kPage + kPage;
  };
  for (Value operand : op->getOperands())
    place(kernels.getBytes(typeOf(operand)), true, false);
  for (OpResult result : op->getResults()) {
    int tied = getTiedOperand(op, result.getResultNumber());
    place(kernels.getBytes(typeOf(result)), false, true);
    if (tied >= 0)
      dispatch.operands.back().offset = dispatch.operands[tied].offset;
  }
  if (launch.workspaceBytes > 0)
    place(launch.workspaceBytes, true, true);
  program.entries = {{"entry", {dispatch}}};

  rt::ThreadPool pool(2);
  auto device = rt::makeEmulatorDevice(
      program, table, static_cast<int64_t>(phases.size()), pool, seed);
  for (auto [i, operand] : llvm::enumerate(op->getOperands())) {
    auto bytes = toBytes(operands[i], typeOf(operand).getElementType());
    device->write(dispatch.operands[i].offset, bytes.data(), bytes.size());
  }
  try {
    device->run(0);
  } catch (const rt::RunError &error) {
    return error.what();
  }
  results.clear();
  for (OpResult result : op->getResults()) {
    RankedTensorType type = typeOf(result);
    std::vector<char> bytes(kernels.getBytes(type));
    const rt::Operand &at =
        dispatch.operands[op->getNumOperands() + result.getResultNumber()];
    device->read(at.offset, bytes.data(), bytes.size());
    fromBytes(bytes, type.getElementType(),
              results.emplace_back(Array::full(type.getShape(), 0)));
  }
  return {};
}

double GpuKernelRun::error() {
  SmallVector<Array> expected;
  EXPECT_TRUE(succeeded(interpretOperation(op, operands, expected)));
  double most = 0;
  for (auto [found, value] : llvm::zip_equal(results, expected)) {
    double one = relativeError(found, value);
    if (!(one <= most) && !std::isnan(most))
      most = one;
  }
  return most;
}
