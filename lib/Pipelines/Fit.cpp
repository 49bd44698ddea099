//===- Fit.cpp - Which micro-batch fits in how much memory ----------------===//

#include "mixln/Pipelines/Fit.h"

#include "mixln/IR/Mixln.h"
#include "mixln/Pipelines/PlainDiagnostics.h"
#include "mixln/Pipelines/Registry.h"
#include "mixln/Target/CPU.h"
#include "mixln/Transforms/Plan/PlanMemory.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mixln;

/// More sequences than anybody computes at a time.
static constexpr int64_t kMostSequences = 1 << 16;

namespace {
/// Plans steps of one model with other micro-batches.
class Planner {
public:
  explicit Planner(const CompileOptions &options)
      : options(options),
        context(makeRegistry(), MLIRContext::Threading::DISABLED) {
    context.loadAllAvailableDialects();
  }

  /// Bytes of the step, or what is wrong in `error`.
  std::optional<int64_t> plan(int64_t batchSize, int64_t limit,
                              Recompute recompute, std::string &error);

private:
  CompileOptions options;
  MLIRContext context;
};
} // namespace

std::optional<int64_t> Planner::plan(int64_t batchSize, int64_t limit,
                                     Recompute recompute, std::string &error) {
  PlainDiagnostics diagnostics(&context);
  options.batchSize = batchSize;
  options.checkpoints |= recompute == Recompute::Checkpoints;
  options.memoryLimit = recompute == Recompute::Least ? limit : 0;
  auto target = TargetInfo::create(options.cpu);
  if (!target) {
    error = "--mcpu: " + llvm::toString(target.takeError());
    return std::nullopt;
  }
  FailureOr<OwningOpRef<ModuleOp>> module =
      importConfig(context, options, error);
  if (failed(module) ||
      failed(addMeasurements(*(**module).getOps<ModelOp>().begin(), options,
                             error)))
    return std::nullopt;
  std::unique_ptr<KernelGenerator> kernels =
      makeKernels(options, *target, error);
  if (!kernels)
    return std::nullopt;
  PhaseOptions phases = getPhaseOptions(options, *kernels);
  PhaseRun run;
  run.last = Phase::Differentiate;
  error = "no plan for --batch_size " + std::to_string(batchSize);
  if (failed(runPhases(**module, run, phases)))
    return std::nullopt;
  // The others need no more: they hold less than the sum over micro-batches,
  // or are not called in training.
  for (auto entry : llvm::make_early_inc_range((**module).getOps<EntryOp>()))
    if (!llvm::is_contained({"gradient_add", "update"}, entry.getSymName()))
      entry.erase();
  run.done = Phase::Differentiate;
  run.last = Phase::Rematerialize;
  if (failed(runPhases(**module, run, phases)) ||
      failed(planMemory(**module, *kernels)))
    return std::nullopt;
  error.clear();
  return getStepBytes(**module);
}

Fit mixln::findLargestBatch(const CompileOptions &options, int64_t limit,
                            Recompute recompute, int64_t most) {
  Planner planner(options);
  Fit fit;
  int64_t tooLarge = std::min(most, kMostSequences) + 1;
  // Memory is nearly linear in the sequences: the next guess lies on the line
  // through the two neighbours known best.
  int64_t next = std::clamp<int64_t>(options.batchSize, 1, tooLarge - 1);
  while (fit.batchSize + 1 < tooLarge) {
    std::optional<int64_t> bytes =
        planner.plan(next, limit, recompute, fit.error);
    if (!bytes)
      return fit;
    fit.bytes[next] = *bytes;
    (*bytes <= limit ? fit.batchSize : tooLarge) = next;
    if (fit.bytes.size() == 1) {
      next = next == 1 ? 2 : 1;
      if (next <= fit.batchSize || next >= tooLarge)
        next = fit.batchSize + 1;
      continue;
    }
    auto above = fit.bytes.lower_bound(tooLarge);
    if (above == fit.bytes.end())
      --above;
    auto below =
        above == fit.bytes.begin() ? std::next(above) : std::prev(above);
    double slope = static_cast<double>(above->second - below->second) /
                   static_cast<double>(above->first - below->first);
    double guess = static_cast<double>(above->first);
    if (slope > 0)
      guess += std::floor(static_cast<double>(limit - above->second) / slope);
    // A limit that recomputing has just met says nothing about the slope.
    if (recompute == Recompute::Least && !(guess < 4.0 * fit.batchSize))
      guess = 2.0 * static_cast<double>(std::max<int64_t>(fit.batchSize, 1));
    next = static_cast<int64_t>(
        std::clamp(guess, static_cast<double>(fit.batchSize + 1),
                   static_cast<double>(tooLarge - 1)));
  }
  return fit;
}

std::string mixln::formatBytes(int64_t bytes) {
  double number = static_cast<double>(bytes);
  for (StringRef unit : {"B", "KiB", "MiB"}) {
    if (number < 1024)
      return llvm::formatv(unit == "B" ? "{0:F0} {1}" : "{0:F2} {1}", number,
                           unit)
          .str();
    number /= 1024;
  }
  return llvm::formatv("{0:F2} GiB", number).str();
}

std::string mixln::explainMisfit(const CompileOptions &options, int64_t bytes) {
  std::string text =
      llvm::formatv("--memory_limit {0}: a step of --batch_size {1} needs at "
                    "least {2} ({3} bytes)",
                    formatBytes(options.memoryLimit), options.batchSize,
                    formatBytes(bytes), bytes)
          .str();
  if (StringRef(options.input).ends_with(".mlir"))
    return text;
  Fit fit;
  if (options.batchSize > 1)
    fit = findLargestBatch(options, options.memoryLimit, Recompute::Least,
                           options.batchSize - 1);
  if (fit.batchSize > 0)
    return text + "; the largest micro-batch that fits is " +
           std::to_string(fit.batchSize);
  auto least = fit.bytes.find(1);
  return text + "; no micro-batch fits" +
         (least == fit.bytes.end()
              ? std::string()
              : ", one sequence needs " + formatBytes(least->second));
}

int mixln::printFit(const CompileOptions &options, int64_t limit,
                    llvm::raw_ostream &os) {
  static const std::pair<Recompute, StringRef> columns[] = {
      {Recompute::Default, "default"},
      {Recompute::Checkpoints, "--activation_checkpointing"},
      {Recompute::Least, "recomputing to fit"}};
  SmallVector<Fit> fits;
  std::map<int64_t, std::vector<std::string>> rows;
  for (auto [i, column] : llvm::enumerate(columns)) {
    CompileOptions with = options;
    // About where the last one ended.
    if (!fits.empty())
      with.batchSize = std::max<int64_t>(fits.back().batchSize, 1);
    fits.push_back(findLargestBatch(with, limit, column.first, kMostSequences));
    if (!fits.back().error.empty()) {
      llvm::errs() << "mixlnc: " << fits.back().error << "\n";
      return 2;
    }
    for (auto [batchSize, bytes] : fits.back().bytes) {
      rows[batchSize].resize(std::size(columns), "-");
      rows[batchSize][i] =
          formatBytes(bytes) + (bytes <= limit ? "" : " (too much)");
    }
  }
  os << "memory of a step, T " << options.seqLen << ", " << getDtype(options)
     << ", limit " << formatBytes(limit) << "\n"
     << llvm::right_justify("micro-batch", 12);
  for (auto &[recompute, name] : columns)
    os << llvm::right_justify(name, 28);
  os << "\n";
  for (auto &[batchSize, texts] : rows) {
    os << llvm::right_justify(std::to_string(batchSize), 12);
    for (StringRef text : texts)
      os << llvm::right_justify(text, 28);
    os << "\n";
  }
  os << llvm::right_justify("largest", 12);
  for (const Fit &fit : fits)
    os << llvm::right_justify(
        fit.batchSize ? std::to_string(fit.batchSize) : "none", 28);
  os << "\n";
  return fits.back().batchSize > 0 ? 0 : 2;
}
