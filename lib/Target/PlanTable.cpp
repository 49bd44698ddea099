//===- PlanTable.cpp - From a planned module to a program -----------------===//

#include "mixln/Target/PlanTable.h"

#include "mixln/Analysis/Cost.h"
#include "mixln/IR/Mixln.h"
#include "mixln/IR/Sites.h"

using namespace mlir;
using namespace mixln;

namespace {
class TableBuilder {
public:
  TableBuilder(ModuleOp module, KernelGenerator &kernels,
               const KernelPhases &phases)
      : module(module), kernels(kernels), phases(phases) {}

  LogicalResult run();
  rt::Program program;

private:
  LogicalResult addModel();
  LogicalResult addTensor(VariableOp variable);
  LogicalResult addKernel(KernelOp kernel);
  LogicalResult addEntry(EntryOp entry);
  LogicalResult addDispatch(DispatchOp op, rt::Entry &entry);

  ModuleOp module;
  KernelGenerator &kernels;
  const KernelPhases &phases;
  llvm::StringMap<int64_t> kernelIndex;
  int64_t numFunctions = 0;
};
} // namespace

static FailureOr<rt::ElementType> elementType(Operation *op, Type type) {
  if (type.isF32())
    return rt::ElementType::F32;
  if (type.isBF16())
    return rt::ElementType::BF16;
  if (type.isInteger(32))
    return rt::ElementType::I32;
  return op->emitOpError() << "has elements of type " << type
                           << ", expected f32, bf16 or i32";
}

static rt::Role roleOf(Role role) {
  switch (role) {
  case Role::Parameter:
    return rt::Role::Parameter;
  case Role::Gradient:
    return rt::Role::Gradient;
  case Role::Moment:
    return rt::Role::Moment;
  case Role::Input:
    return rt::Role::Input;
  case Role::Scalar:
    return rt::Role::Scalar;
  case Role::Output:
    return rt::Role::Output;
  case Role::Constant:
    return rt::Role::Constant;
  case Role::Packed:
    return rt::Role::Packed;
  case Role::Cache:
    return rt::Role::Cache;
  }
  llvm_unreachable("all roles are listed");
}

static rt::InitKind initKindOf(InitKind kind) {
  switch (kind) {
  case InitKind::Constant:
    return rt::InitKind::Constant;
  case InitKind::Normal:
    return rt::InitKind::Normal;
  case InitKind::RopeCos:
    return rt::InitKind::RopeCos;
  case InitKind::RopeSin:
    return rt::InitKind::RopeSin;
  }
  llvm_unreachable("all kinds are listed");
}

LogicalResult TableBuilder::addModel() {
  auto text = [&](StringRef key) {
    auto attr = module->getAttrOfType<StringAttr>(key);
    return attr ? attr.getValue().str() : std::string();
  };
  program.configJson = text("mixln.config_json");
  program.norm = text("mixln.norm");
  if (auto flags = module->getAttrOfType<DictionaryAttr>("mixln.flags"))
    for (NamedAttribute flag : flags)
      program.flags[flag.getName().str()] =
          cast<StringAttr>(flag.getValue()).str();
  for (auto [key, lines] :
       {std::pair("mixln.differences", &program.differences),
        std::pair("mixln.not_reproduced", &program.notReproduced)})
    if (auto list = module->getAttrOfType<ArrayAttr>(key))
      for (auto line : list.getAsRange<StringAttr>())
        lines->push_back(line.str());
  program.dtype = text("mixln.dtype");
  if (program.dtype.empty())
    program.dtype = "fp32";

  if (auto config = module->getAttrOfType<DictionaryAttr>("mixln.config")) {
    auto number = [&](StringRef key) -> int64_t {
      auto attr = config.getAs<IntegerAttr>(key);
      return attr ? attr.getInt() : 0;
    };
    program.batchSize = number("batch_size");
    program.seqLen = number("seq_len");
    program.vocabSize = number("vocab_size");
    program.hiddenSize = number("hidden_size");
    program.numLayers = number("num_hidden_layers");
  }
  program.flopsPerToken = getFlopsPerToken(module);
  for (auto [key, number] :
       {std::pair("mixln.arena_bytes", &program.arenaBytes),
        std::pair("mixln.step_bytes", &program.stepBytes),
        std::pair("mixln.shared_offset", &program.sharedOffset),
        std::pair("mixln.scratch_bytes", &program.scratchBytes)}) {
    auto attr = module->getAttrOfType<IntegerAttr>(key);
    if (!attr)
      return module.emitError()
             << "has no plan: attribute " << key << " is missing";
    *number = attr.getInt();
  }
  return success();
}

LogicalResult TableBuilder::addTensor(VariableOp variable) {
  auto type = cast<RankedTensorType>(variable.getType());
  FailureOr<rt::ElementType> element =
      elementType(variable, type.getElementType());
  if (failed(element))
    return failure();
  auto offset = variable->getAttrOfType<IntegerAttr>("offset");
  if (!offset)
    return variable.emitOpError("has no offset; plan its memory first");
  rt::Tensor tensor;
  tensor.name = variable.getSymName().str();
  tensor.role = roleOf(variable.getRole());
  tensor.type = *element;
  tensor.shape.assign(type.getShape().begin(), type.getShape().end());
  tensor.offset = offset.getInt();
  if (std::optional<InitAttr> init = variable.getInit())
    tensor.init = {initKindOf(init->getKind()), init->getValue()};
  if (std::optional<StringRef> of = variable.getOf())
    tensor.of = of->str();
  if (std::optional<StringRef> name = variable.getParameterClass())
    tensor.parameterClass = name->str();
  if (std::optional<APFloat> factor = variable.getLrMult())
    tensor.lrMultiplier = factor->convertToDouble();
  if (std::optional<bool> decay = variable.getDecay())
    tensor.decay = *decay;
  program.tensors.push_back(std::move(tensor));
  return success();
}

LogicalResult TableBuilder::addKernel(KernelOp kernel) {
  auto it = phases.find(kernel.getSymName());
  if (it == phases.end() || it->second.empty())
    return kernel.emitOpError("has no code");
  rt::Kernel entry;
  entry.name = kernel.getSymName().str();
  entry.phases.assign(it->second.begin(), it->second.end());
  entry.firstFunction = numFunctions;
  numFunctions += static_cast<int64_t>(entry.phases.size());
  kernels.describe(kernel.getPrototype(), entry);
  kernelIndex[entry.name] = static_cast<int64_t>(program.kernels.size());
  program.kernels.push_back(std::move(entry));
  return success();
}

LogicalResult TableBuilder::addDispatch(DispatchOp op, rt::Entry &entry) {
  rt::Dispatch dispatch;
  dispatch.kernel = kernelIndex.lookup(op.getKernel());
  auto addOperands = [&](ArrayRef<int64_t> offsets, ArrayAttr types,
                         bool isWrite) {
    for (auto [offset, type] : llvm::zip(offsets, types.getAsRange<TypeAttr>()))
      dispatch.operands.push_back(
          {offset, kernels.getBytes(cast<RankedTensorType>(type.getValue())),
           !isWrite, isWrite});
  };
  addOperands(op.getReads(), op.getReadTypes(), false);
  addOperands(op.getWrites(), op.getWriteTypes(), true);
  if (const rt::Kernel &kernel = program.kernels[dispatch.kernel];
      !kernel.library.empty() && kernel.matmul.accumulate) {
    // What is added to is the result itself, or stands behind it.
    std::swap(dispatch.operands[2], dispatch.operands[3]);
    if (dispatch.operands[2].offset == dispatch.operands[3].offset) {
      dispatch.operands.pop_back();
      dispatch.operands.back().reads = true;
    }
  }
  if (std::optional<ArrayRef<int64_t>> workspace = op.getWorkspace())
    dispatch.operands.push_back({(*workspace)[0], (*workspace)[1], true, true});
  if (std::optional<ArrayRef<int64_t>> tasks = op.getTasks())
    dispatch.tasks.assign(tasks->begin(), tasks->end());
  size_t numPhases = program.kernels[dispatch.kernel].phases.size();
  if (dispatch.tasks.size() != numPhases)
    return op.emitOpError() << "has tasks for " << dispatch.tasks.size()
                            << " phases, the kernel has " << numPhases;
  if (std::optional<ArrayRef<int64_t>> sizes = op.getSizes())
    dispatch.sizes.assign(sizes->begin(), sizes->end());
  for (double value : op.getValues())
    dispatch.values.push_back(static_cast<float>(value));
  dispatch.layer = getLayer(op);
  dispatch.site = getSite(op).str();
  if (std::optional<APFloat> flops = op.getFlops())
    dispatch.flops = flops->convertToDouble();
  if (std::optional<APFloat> bytes = op.getBytes())
    dispatch.bytes = bytes->convertToDouble();
  entry.dispatches.push_back(std::move(dispatch));
  return success();
}

LogicalResult TableBuilder::addEntry(EntryOp entry) {
  rt::Entry table;
  table.name = entry.getSymName().str();
  for (Operation &op : entry.getBody().front()) {
    auto dispatch = dyn_cast<DispatchOp>(op);
    if (!dispatch)
      return op.emitOpError(
          "is not a dispatch; a planned entry has nothing else");
    if (failed(addDispatch(dispatch, table)))
      return failure();
  }
  program.entries.push_back(std::move(table));
  return success();
}

LogicalResult TableBuilder::run() {
  if (failed(addModel()))
    return failure();
  for (auto variable : module.getOps<VariableOp>())
    if (failed(addTensor(variable)))
      return failure();
  for (auto kernel : module.getOps<KernelOp>())
    if (failed(addKernel(kernel)))
      return failure();
  for (auto entry : module.getOps<EntryOp>())
    if (failed(addEntry(entry)))
      return failure();
  return success();
}

FailureOr<rt::Program> mixln::buildProgram(ModuleOp module,
                                           KernelGenerator &kernels,
                                           const KernelPhases &phases,
                                           const ProgramTarget &target) {
  TableBuilder builder(module, kernels, phases);
  builder.program.compiler = target.compiler;
  builder.program.target = target.target;
  builder.program.cpu = target.cpu;
  builder.program.cpuFeatures = target.cpuFeatures;
  builder.program.gpuArch = target.gpuArch;
  builder.program.memoryLimit = target.memoryLimit;
  builder.program.checkpoints = target.checkpoints;
  if (failed(builder.run()))
    return failure();
  return std::move(builder.program);
}
