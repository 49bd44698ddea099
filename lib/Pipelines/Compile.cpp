//===- Compile.cpp - From a config to an executable -----------------------===//

#include "mixln/Pipelines/Compile.h"

#include "mixln-rt/program-json.h"
#include "mixln-rt/program.h"
#include "mixln/Frontend/Import.h"
#include "mixln/Frontend/ModelConfig.h"
#include "mixln/Frontend/NormSpec.h"
#include "mixln/IR/Mixln.h"
#include "mixln/Pipelines/PlainDiagnostics.h"
#include "mixln/Pipelines/Registry.h"
#include "mixln/Target/CPU.h"
#include "mixln/Target/CpuKernels.h"
#include "mixln/Target/Executable.h"
#include "mixln/Target/PlanTable.h"
#include "mixln/Target/PrintPlan.h"
#include "mixln/Target/PrintPython.h"
#include "mixln/Transforms/Expand/Explain.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/ToolOutputFile.h"
#include "llvm/Support/raw_ostream.h"

#include <chrono>

using namespace mlir;
using namespace mixln;

static constexpr int kFailed = 1, kBadInput = 2;

static int report(const Twine &message, int status) {
  llvm::errs() << "mixlnc: " << message << "\n";
  return status;
}

namespace {
/// Says how long a step of the compilation took, with --verbose.
class Timer {
public:
  explicit Timer(bool enabled) : enabled(enabled) {}
  void lap(StringRef what) {
    auto now = std::chrono::steady_clock::now();
    if (enabled)
      llvm::errs() << llvm::formatv(
          "mixlnc: {0,-16}{1,8:f3} s\n", what,
          std::chrono::duration<double>(now - last).count());
    last = now;
  }

private:
  bool enabled;
  std::chrono::steady_clock::time_point last = std::chrono::steady_clock::now();
};

class Compilation {
public:
  explicit Compilation(const CompileOptions &options)
      : options(options), timer(options.verbose) {
    context.appendDialectRegistry(makeRegistry());
    context.loadAllAvailableDialects();
    // Dialects are loaded, and passes work on one module: threads would only
    // cost start-up time.
    context.disableMultithreading();
  }

  int run();

private:
  LogicalResult enableRemarks();
  int readInput();
  int writeModule();
  LogicalResult runPhasesAndPrintPython(PhaseRun run,
                                        const PhaseOptions &phaseOptions);
  int emit(KernelGenerator &generator, const TargetInfo &target);

  std::string modeling;
  const CompileOptions &options;
  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  Timer timer;
};
} // namespace

/// What passes did and could not do, as diagnostics on standard error.
LogicalResult Compilation::enableRemarks() {
  remark::RemarkCategories categories;
  categories.passed = categories.missed = ".*";
  return remark::enableOptimizationRemarks(
      context, nullptr, std::make_unique<remark::RemarkEmittingPolicyAll>(),
      categories, /*printAsEmitRemarks=*/true);
}

int Compilation::readInput() {
  std::string error;
  if (StringRef(options.input).ends_with(".mlir")) {
    module = parseSourceFile<ModuleOp>(options.input, &context);
    if (!module)
      return kBadInput;
    timer.lap("parse");
    return 0;
  }
  FailureOr<ModelConfig> config = loadModelConfig(options.input, error);
  if (failed(config))
    return report(error, kBadInput);
  for (auto [key, value] :
       {std::pair("attention_scale", StringRef(options.attentionScale)),
        std::pair("logit_scale", StringRef(options.logitScale))})
    if (!value.empty() && failed(setScale(*config, key, value, error)))
      return report("--" + Twine(error), kBadInput);
  if (config->maxPositions > 0 && options.seqLen > config->maxPositions)
    return report(options.input + ": --seq_len " + Twine(options.seqLen) +
                      " is more than the config's maximum of " +
                      Twine(config->maxPositions) + " positions",
                  kBadInput);
  NormRequest request;
  request.norm = options.norm;
  request.normKind = options.normKind;
  if (options.postNum)
    request.postNum = *options.postNum;
  FailureOr<NormSpec> norm = resolveNorm(request, *config, error);
  if (failed(norm))
    return report(error, kBadInput);
  FailureOr<OwningOpRef<ModuleOp>> imported = importModel(
      &context, *config, *norm, options.batchSize, options.seqLen, error);
  if (failed(imported))
    return report(error, kBadInput);
  module = std::move(*imported);
  timer.lap("import");
  return 0;
}

int Compilation::writeModule() {
  std::string error;
  StringRef path = options.output.empty() ? "-" : StringRef(options.output);
  std::error_code code;
  llvm::ToolOutputFile file(path, code, llvm::sys::fs::OF_None);
  if (code)
    return report("cannot write " + path + ": " + code.message(), kBadInput);
  module->print(file.os());
  file.os() << "\n";
  file.keep();
  return 0;
}

/// Whether an executable can appear at `path`; found out before the long work.
static std::string checkOutput(StringRef path) {
  StringRef folder = llvm::sys::path::parent_path(path);
  if (folder.empty())
    folder = ".";
  if (llvm::sys::fs::is_directory(path))
    return ("cannot write " + path + ": it is a folder").str();
  if (llvm::sys::fs::exists(folder) && !llvm::sys::fs::is_directory(folder))
    return ("cannot write " + path + ": " + folder + " is not a folder").str();
  if (auto error =
          llvm::sys::fs::access(folder, llvm::sys::fs::AccessMode::Write))
    return ("cannot write " + path + ": folder " + folder + ": " +
            error.message())
        .str();
  return {};
}

/// The Python form is read from the IR that expand leaves: later phases join
/// what a reader wants apart.
LogicalResult
Compilation::runPhasesAndPrintPython(PhaseRun run,
                                     const PhaseOptions &phaseOptions) {
  if (run.done < Phase::Expand && run.last == Phase::Plan) {
    PhaseRun first = run;
    first.last = Phase::Expand;
    if (failed(runPhases(*module, first, phaseOptions)))
      return failure();
    run.done = Phase::Expand;
    // A model without a Python form trains as well as any other.
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
      if (options.verbose)
        llvm::errs() << "mixlnc: no Python form: " << diagnostic.str() << "\n";
      return success();
    });
    FailureOr<std::string> text = printPython(*module);
    if (succeeded(text))
      modeling = std::move(*text);
  }
  return runPhases(*module, run, phaseOptions);
}

int Compilation::emit(KernelGenerator &generator, const TargetInfo &target) {
  OwningOpRef<ModuleOp> kernels = ModuleOp::create(UnknownLoc::get(&context));
  KernelPhases phases;
  for (KernelOp kernel : module->getOps<KernelOp>()) {
    SmallVector<std::string> symbols;
    if (failed(generator.emitKernel(kernel.getPrototype(), kernel.getSymName(),
                                    *kernels, symbols)))
      return kFailed;
    phases[kernel.getSymName()] = symbols;
  }
  timer.lap("kernels");

  ProgramTarget about;
  about.compiler = "mixln 0.1.0";
  about.target = options.target;
  about.cpu = target.cpu;
  about.cpuFeatures = target.requiredFeatures();
  FailureOr<rt::Program> program =
      buildProgram(*module, generator, phases, about);
  if (failed(program))
    return kFailed;
  program->modeling = modeling;
  if (options.printPlan)
    printPlan(*program, llvm::outs());

  if (failed(lowerKernelsToLLVM(*kernels)) ||
      failed(addProgramGlobals(*kernels, *program)))
    return report("phase lower failed", kFailed);
  timer.lap("lower");
  if (options.last == Phase::Lower) {
    module = std::move(kernels);
    return writeModule();
  }
  auto object = emitObject(*kernels, target);
  if (!object)
    return report(llvm::toString(object.takeError()), kFailed);
  timer.lap("code");
  if (std::string error =
          linkExecutable(StringRef(object->data(), object->size()),
                         options.toolPath, options.output);
      !error.empty())
    return report(error, kFailed);
  timer.lap("link");
  return 0;
}

int Compilation::run() {
  PlainDiagnostics diagnostics(&context);
  bool emitsExecutable =
      options.last == Phase::Emit && !options.explain && !options.printPython;
  if (emitsExecutable) {
    if (options.output.empty())
      return report("-o is missing: where to write the executable", kBadInput);
    if (std::string error = checkOutput(options.output); !error.empty())
      return report(error, kBadInput);
  }
  if (options.remarks && failed(enableRemarks()))
    return report("cannot report remarks", kFailed);
  auto target = TargetInfo::create(options.cpu);
  if (!target)
    return report("--mcpu: " + llvm::toString(target.takeError()), kBadInput);
  if (int status = readInput())
    return status;
  if (!options.dumpDirectory.empty() && options.done == Phase::Import &&
      failed(dumpPhase(*module, Phase::Import, options.dumpDirectory)))
    return kBadInput;
  if (options.done == Phase::Import &&
      failed(verifyPhase(Phase::Import, *module, PhaseOptions())))
    return kBadInput;
  if (options.explain)
    return failed(explain(*module, llvm::outs())) ? kFailed : 0;

  if (options.printPython) {
    if (options.done > Phase::Expand)
      return report("--print-python needs a config or IR up to the phase "
                    "expand",
                    kBadInput);
    PhaseRun toExpand;
    toExpand.done = options.done;
    toExpand.last = Phase::Expand;
    if (failed(runPhases(*module, toExpand, PhaseOptions())))
      return kFailed;
    FailureOr<std::string> text = printPython(*module);
    if (failed(text))
      return kFailed;
    llvm::outs() << *text;
    return 0;
  }

  CpuKernels generator(*target);
  PhaseOptions phaseOptions;
  phaseOptions.generator = &generator;
  phaseOptions.chunkRows = options.chunkRows;
  phaseOptions.chunkThreshold = options.chunkThreshold;
  PhaseRun phaseRun;
  phaseRun.done = options.done;
  phaseRun.last = std::min(options.last, Phase::Plan);
  phaseRun.dumpDirectory = options.dumpDirectory;
  phaseRun.reproducer =
      options.output.empty() ? "" : options.output + ".failed.mlir";
  if (failed(runPhasesAndPrintPython(phaseRun, phaseOptions)))
    return kFailed;
  timer.lap("phases");
  if (options.last <= Phase::Plan)
    return writeModule();
  return emit(generator, *target);
}

int mixln::compile(const CompileOptions &options) {
  return Compilation(options).run();
}
