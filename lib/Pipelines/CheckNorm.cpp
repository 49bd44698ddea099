//===- CheckNorm.cpp - Holds a placement's numbers against oracles --------===//

#include "mixln/Pipelines/CheckNorm.h"

#include "mixln/Frontend/Import.h"
#include "mixln/Frontend/ModelConfig.h"
#include "mixln/Frontend/NormSpec.h"
#include "mixln/IR/Mixln.h"
#include "mixln/Interpreter/FiniteDifferences.h"
#include "mixln/Interpreter/Inputs.h"
#include "mixln/Interpreter/Interpreter.h"
#include "mixln/Pipelines/Phases.h"
#include "mixln/Pipelines/PlainDiagnostics.h"
#include "mixln/Pipelines/Registry.h"
#include "mixln/Target/CheckKernels.h"
#include "mixln/Target/CpuKernels.h"

#include "llvm/Support/Format.h"

using namespace mlir;
using namespace mixln;

namespace {
/// A model as small as shows every tail: widths that fill vectors and widths
/// that do not, one key/value head for several query heads.
struct Size {
  int64_t hidden, intermediate, heads, kvHeads;
};
} // namespace

static constexpr Size sizes[] = {{32, 40, 2, 2}, {18, 13, 3, 1}};
static constexpr int64_t kLayers = 4, kVocabulary = 24, kBatch = 2, kLength = 6;
static constexpr int kDiffers = 1, kBadInput = 2;

static std::string configText(const Size &size) {
  return llvm::formatv(
             "{{\"model_type\": \"llama\", \"hidden_act\": \"silu\", "
             "\"hidden_size\": {0}, \"intermediate_size\": {1}, "
             "\"num_attention_heads\": {2}, \"num_key_value_heads\": {3}, "
             "\"num_hidden_layers\": {4}, \"vocab_size\": {5}, "
             "\"rms_norm_eps\": 1e-6, \"initializer_range\": 0.2}",
             size.hidden, size.intermediate, size.heads, size.kvHeads, kLayers,
             kVocabulary)
      .str();
}

static int report(const Twine &message, int status) {
  llvm::errs() << "mixln-run: " << message << "\n";
  return status;
}

/// Gradients against central differences, on the merged forward.
static int checkGradients(ModuleOp module, const CheckNormOptions &options,
                          llvm::raw_ostream &out) {
  Interpreter interpreter(module);
  FiniteDifferenceOptions differences;
  differences.seed = options.seed;
  if (failed(fillRandomly(interpreter, options.seed)))
    return kDiffers;
  auto found = checkFiniteDifferences(interpreter, differences);
  if (failed(found))
    return kDiffers;
  int64_t bad = 0;
  const FiniteDifference *worst = nullptr;
  for (const FiniteDifference &difference : *found) {
    // Written so that NaN is bad.
    bool isGood = difference.error <= options.tolerance;
    bad += !isGood;
    if (!isGood)
      out << "  differs: " << difference.parameter
          << llvm::format(" %.3g", difference.error) << "\n";
    if (!worst || !(difference.error <= worst->error))
      worst = &difference;
  }
  out << "  " << found->size() << " gradients held against differences, " << bad
      << " differ";
  if (worst)
    out << " (worst " << worst->parameter << llvm::format(" %.2g", worst->error)
        << ", limit " << llvm::format("%.2g", options.tolerance) << ")";
  out << "\n";
  return bad == 0 ? 0 : kDiffers;
}

static int checkSize(MLIRContext &context, const Size &size,
                     const CheckNormOptions &options, llvm::raw_ostream &out) {
  std::string error;
  FailureOr<ModelConfig> config =
      parseModelConfig(configText(size), "check", error);
  if (failed(config))
    return report(error, kBadInput);
  NormRequest request{options.norm, options.normKind, options.postNum};
  FailureOr<NormSpec> spec = resolveNorm(request, *config, error);
  if (failed(spec))
    return report(error, kBadInput);
  FailureOr<OwningOpRef<ModuleOp>> module =
      importModel(&context, *config, *spec, kBatch, kLength, error);
  if (failed(module))
    return report(error, kBadInput);

  out << spec->request << " at hidden " << size.hidden << ", head "
      << size.hidden / size.heads << ", intermediate " << size.intermediate
      << ":\n";
  auto target = TargetInfo::create(options.cpu);
  if (!target)
    return report(llvm::toString(target.takeError()), kBadInput);
  CpuKernels kernels(*target);
  PhaseOptions phases;
  phases.generator = &kernels;
  PhaseRun run;
  run.last = Phase::Differentiate;
  if (failed(runPhases(**module, run, phases)))
    return kDiffers;
  int status = checkGradients(**module, options, out);
  run.done = Phase::Differentiate;
  run.last = Phase::Plan;
  if (failed(runPhases(**module, run, phases)))
    return kDiffers;
  CheckKernelsOptions check;
  check.seed = options.seed;
  if (failed(checkKernels(**module, kernels, out, check)))
    status = kDiffers;
  return status;
}

int mixln::checkModelKernels(const CheckModelOptions &options,
                             llvm::raw_ostream &out) {
  MLIRContext context(makeRegistry(), MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  PlainDiagnostics diagnostics(&context);
  std::string error;
  FailureOr<ModelConfig> config = loadModelConfig(options.config, error);
  if (failed(config))
    return report(error, kBadInput);
  NormRequest request{options.norm, options.normKind, options.postNum};
  FailureOr<NormSpec> spec = resolveNorm(request, *config, error);
  if (failed(spec))
    return report(error, kBadInput);
  FailureOr<OwningOpRef<ModuleOp>> module = importModel(
      &context, *config, *spec, options.batchSize, options.seqLen, error);
  if (failed(module))
    return report(error, kBadInput);
  (**module)->setAttr("mixln.dtype", StringAttr::get(&context, options.dtype));
  auto target = TargetInfo::create(options.cpu);
  if (!target)
    return report(llvm::toString(target.takeError()), kBadInput);

  CpuKernels kernels(*target);
  PhaseOptions phases;
  phases.generator = &kernels;
  if (options.chunkRows > 0) {
    phases.chunks.rows = options.chunkRows;
    phases.chunks.threshold = 1;
  }
  if (failed(runPhases(**module, PhaseRun(), phases)))
    return kDiffers;
  CheckKernelsOptions check;
  check.seed = options.seed;
  check.tolerance = options.tolerance;
  return failed(checkKernels(**module, kernels, out, check)) ? kDiffers : 0;
}

int mixln::checkNorm(const CheckNormOptions &options, llvm::raw_ostream &out) {
  MLIRContext context(makeRegistry(), MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  PlainDiagnostics diagnostics(&context);
  int worst = 0;
  for (const Size &size : sizes) {
    int status = checkSize(context, size, options, out);
    if (status == kBadInput)
      return status;
    worst = std::max(worst, status);
  }
  return worst;
}
