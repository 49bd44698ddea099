//===- Inputs.cpp - What the flags of a compilation name ------------------===//

#include "mixln/Frontend/Import.h"
#include "mixln/Frontend/Measures.h"
#include "mixln/Frontend/ModelConfig.h"
#include "mixln/Frontend/NormSpec.h"
#include "mixln/IR/Mixln.h"
#include "mixln/Pipelines/CompileFlags.h"
#include "mixln/Target/CpuKernels.h"
#include "mixln/Target/GpuKernels.h"

using namespace mlir;
using namespace mixln;

static FailureOr<NormSpec> normOf(const CompileOptions &options,
                                  const ModelConfig &config,
                                  std::string &error) {
  NormRequest request;
  request.norm = options.norm;
  request.normKind = options.normKind;
  if (options.postNum)
    request.postNum = *options.postNum;
  return resolveNorm(request, config, error);
}

static std::string dtypeOf(const CompileOptions &options,
                           const NormSpec &norm) {
  auto set = norm.flags.find("dtype");
  return !options.dtype.empty()    ? options.dtype
         : set == norm.flags.end() ? "fp32"
                                   : set->second;
}

std::string mixln::getDtype(const CompileOptions &options) {
  std::string error;
  if (!options.dtype.empty())
    return options.dtype;
  FailureOr<ModelConfig> config = loadModelConfig(options.input, error);
  if (failed(config))
    return "fp32";
  FailureOr<NormSpec> norm = normOf(options, *config, error);
  return failed(norm) ? "fp32" : dtypeOf(options, *norm);
}

FailureOr<OwningOpRef<ModuleOp>>
mixln::importConfig(MLIRContext &context, const CompileOptions &options,
                    std::string &error) {
  FailureOr<ModelConfig> config = loadModelConfig(options.input, error);
  if (failed(config))
    return failure();
  for (auto [key, value] :
       {std::pair("attention_scale", StringRef(options.attentionScale)),
        std::pair("logit_scale", StringRef(options.logitScale))})
    if (!value.empty() && failed(setScale(*config, key, value, error))) {
      error = "--" + error;
      return failure();
    }
  if (config->maxPositions > 0 && options.seqLen > config->maxPositions) {
    error = (options.input + ": --seq_len " + Twine(options.seqLen) +
             " is more than the config's maximum of " +
             Twine(config->maxPositions) + " positions")
                .str();
    return failure();
  }
  FailureOr<NormSpec> norm = normOf(options, *config, error);
  if (failed(norm))
    return failure();
  FailureOr<OwningOpRef<ModuleOp>> module = importModel(
      &context, *config, *norm, options.batchSize, options.seqLen, error);
  // fp32 is what a module without the attribute has.
  std::string dtype = dtypeOf(options, *norm);
  if (succeeded(module) && dtype != "fp32")
    (**module)->setAttr("mixln.dtype", StringAttr::get(&context, dtype));
  return module;
}

std::unique_ptr<KernelGenerator>
mixln::makeKernels(const CompileOptions &options, const TargetInfo &cpu,
                   std::string &error) {
  if (options.target != "cuda")
    return std::make_unique<CpuKernels>(cpu);
  auto gpu = GpuInfo::create(getGpuArch(options));
  if (!gpu) {
    error = "--gpu_arch " + llvm::toString(gpu.takeError());
    return nullptr;
  }
  return std::make_unique<GpuKernels>(*gpu, options.gpuMatmul == "generated"
                                                ? MatmulSource::Generated
                                                : MatmulSource::Library);
}

PhaseOptions mixln::getPhaseOptions(const CompileOptions &options,
                                    KernelGenerator &generator) {
  PhaseOptions phases;
  phases.generator = &generator;
  phases.chunks = generator.getChunkSizes();
  if (options.chunks.rows > 0)
    phases.chunks.rows = options.chunks.rows;
  if (options.chunks.threshold > 0)
    phases.chunks.threshold = options.chunks.threshold;
  phases.rematerialize = {options.memoryLimit, options.checkpoints};
  phases.generation = options.generation;
  // Whoever saves memory packs weights where they are read.
  phases.keepPacks = options.memoryLimit == 0 && !options.checkpoints;
  return phases;
}

LogicalResult mixln::addMeasurements(ModelOp model,
                                     const CompileOptions &options,
                                     std::string &error) {
  if (failed(addMeasures(model, getBuiltinMeasures(), "measures.json", error)))
    return failure();
  if (options.measure.empty())
    return success();
  FailureOr<std::string> text = readMeasures(options.measure, error);
  if (failed(text) || failed(addMeasures(model, *text, options.measure, error)))
    return failure();
  return success();
}
