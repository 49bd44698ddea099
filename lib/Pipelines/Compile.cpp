//===- Compile.cpp - From a config to an executable -----------------------===//

#include "mixln/Pipelines/Compile.h"
#include "mixln/Pipelines/CompileFlags.h"

#include "mixln-rt/memory-drawing.h"
#include "mixln-rt/program-json.h"
#include "mixln-rt/program.h"
#include "mixln/Frontend/ReadModule.h"
#include "mixln/IR/Mixln.h"
#include "mixln/Pipelines/Fit.h"
#include "mixln/Pipelines/PlainDiagnostics.h"
#include "mixln/Pipelines/Registry.h"
#include "mixln/Target/CPU.h"
#include "mixln/Target/EmulatorObject.h"
#include "mixln/Target/Executable.h"
#include "mixln/Target/GPU.h"
#include "mixln/Target/PlanTable.h"
#include "mixln/Target/PrintPlan.h"
#include "mixln/Target/PrintPython.h"
#include "mixln/Transforms/Expand/Explain.h"
#include "mixln/Transforms/Plan/PlanMemory.h"
#include "mixln/Transforms/Plan/VerifyPlan.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Parser/Parser.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
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

/// What an executable for a GPU carries beside its program.
struct GpuCode {
  std::vector<DeviceImage> images;
  /// Object file of the emulator; empty where none was asked for.
  SmallVector<char, 0> emulator;
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
  int addMeasurements();
  int setDtype();
  int writeModule();
  LogicalResult runPhasesAndPrintPython(PhaseRun run,
                                        const PhaseOptions &phaseOptions);
  int drawMemory(const rt::Program &program);
  int emit(KernelGenerator &generator, const TargetInfo &target);
  LogicalResult makeImages(ModuleOp kernels, const rt::Program &program,
                           GpuCode &code);
  std::string dumpText(StringRef name, StringRef text);

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
    module = readModule(options.input, &context);
    if (!module)
      return kBadInput;
    timer.lap("parse");
    return setDtype();
  }
  FailureOr<OwningOpRef<ModuleOp>> imported =
      importConfig(context, options, error);
  if (failed(imported))
    return report(error, kBadInput);
  module = std::move(*imported);
  if (int status = addMeasurements())
    return status;
  timer.lap("import");
  return 0;
}

/// The types of IR are chosen in `fuse`, by its attribute.
int Compilation::setDtype() {
  auto present = (*module)->getAttrOfType<StringAttr>("mixln.dtype");
  if (options.dtype.empty() ||
      (present ? present.getValue() : "fp32") == StringRef(options.dtype))
    return 0;
  if (options.done >= Phase::Fuse)
    return report("--dtype is " + options.dtype + ", but the types of " +
                      options.input + " were chosen before: it is " +
                      (present ? present.getValue() : StringRef("fp32")),
                  kBadInput);
  (*module)->setAttr("mixln.dtype", StringAttr::get(&context, options.dtype));
  return 0;
}

int Compilation::addMeasurements() {
  std::string error;
  ModelOp model = *module->getOps<ModelOp>().begin();
  if (failed(mixln::addMeasurements(model, options, error)))
    return report(error, kBadInput);
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

int Compilation::drawMemory(const rt::Program &program) {
  std::error_code code;
  llvm::ToolOutputFile file(options.drawMemory, code, llvm::sys::fs::OF_None);
  if (code)
    return report("cannot write " + options.drawMemory + ": " + code.message(),
                  kBadInput);
  file.os() << rt::drawMemory(program);
  file.keep();
  return 0;
}

/// Writes `text` into the folder of dumped phases, if there is one.
std::string Compilation::dumpText(StringRef name, StringRef text) {
  if (options.dumpDirectory.empty())
    return {};
  SmallString<128> path(options.dumpDirectory);
  llvm::sys::path::append(path, name);
  std::error_code code;
  llvm::ToolOutputFile file(path, code, llvm::sys::fs::OF_None);
  if (code)
    return ("cannot write " + path + ": " + code.message()).str();
  file.os() << text;
  file.keep();
  return {};
}

/// The GPU's code: PTX for the driver to compile, and machine code where there
/// is an assembler.
LogicalResult Compilation::makeImages(ModuleOp kernels,
                                      const rt::Program &program,
                                      GpuCode &code) {
  auto fail = [](const Twine &message) {
    report(message, kFailed);
    return failure();
  };
  auto gpu = GpuInfo::create(getGpuArch(options));
  if (!gpu)
    return fail("--gpu_arch " + llvm::toString(gpu.takeError()));
  llvm::LLVMContext llvmContext;
  auto ir = translateKernels(kernels, llvmContext);
  if (!ir)
    return fail(llvm::toString(ir.takeError()));
  if (options.emulator) {
    SmallVector<std::string> phases;
    for (const rt::Kernel &kernel : program.kernels)
      for (const std::string &phase : kernel.phases)
        phases.push_back(kernel.library.empty() ? phase : std::string());
    std::string rewritten;
    auto object = emitEmulatorObject(**ir, phases, &rewritten);
    if (!object)
      return fail(llvm::toString(object.takeError()));
    if (std::string error = dumpText("08-emulator.ll", rewritten);
        !error.empty())
      return fail(error);
    code.emulator = std::move(*object);
    timer.lap("emulator");
  }
  std::string text;
  auto ptx = emitPtx(**ir, *gpu, &text);
  if (!ptx)
    return fail(llvm::toString(ptx.takeError()));
  if (std::string error = dumpText("08-lower.ll", text); !error.empty())
    return fail(error);
  if (std::string error = dumpText("09-emit.ptx", *ptx); !error.empty())
    return fail(error);
  code.images.push_back({gpu->arch, "ptx", *ptx});
  std::string assembler = findPtxas();
  if (assembler.empty())
    return success();
  std::string said;
  auto cubin = assemblePtx(assembler, *ptx, gpu->arch, &said);
  if (!cubin)
    return fail(llvm::toString(cubin.takeError()));
  if (std::string error = dumpText("09-emit.ptxas.txt", said); !error.empty())
    return fail(error);
  if (std::string error = dumpText("09-emit.cubin", *cubin); !error.empty())
    return fail(error);
  code.images.push_back({gpu->arch, "cubin", std::move(*cubin)});
  return success();
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
  bool isGpu = options.target == "cuda";
  if (isGpu)
    about.gpuArch = getGpuArch(options);
  about.cpu = target.cpu;
  about.cpuFeatures = target.requiredFeatures();
  about.memoryLimit = options.memoryLimit;
  about.checkpoints = options.checkpoints;
  FailureOr<rt::Program> program =
      buildProgram(*module, generator, phases, about);
  if (failed(program))
    return kFailed;
  program->modeling = modeling;
  if (options.printPlan)
    printPlan(*program, llvm::outs());
  if (!options.drawMemory.empty())
    return drawMemory(*program);

  if (failed(lowerKernelsToLLVM(*kernels)))
    return report("phase lower failed", kFailed);
  timer.lap("lower");
  GpuCode gpuCode;
  if (isGpu) {
    if (options.last == Phase::Lower) {
      module = std::move(kernels);
      return writeModule();
    }
    if (failed(makeImages(*kernels, *program, gpuCode)))
      return kFailed;
    timer.lap("images");
    // The host has the program and the images, no kernels.
    kernels = ModuleOp::create(UnknownLoc::get(&context));
  }
  if (failed(addProgramGlobals(*kernels, *program)))
    return report("phase lower failed", kFailed);
  addGpuImages(*kernels, gpuCode.images);
  if (options.last == Phase::Lower) {
    module = std::move(kernels);
    return writeModule();
  }
  auto object = emitObject(*kernels, target);
  if (!object)
    return report(llvm::toString(object.takeError()), kFailed);
  timer.lap("code");
  SmallVector<StringRef, 2> objects = {
      StringRef(object->data(), object->size())};
  if (!gpuCode.emulator.empty())
    objects.emplace_back(gpuCode.emulator.data(), gpuCode.emulator.size());
  if (std::string error =
          linkExecutable(objects, options.toolPath, options.output);
      !error.empty())
    return report(error, kFailed);
  timer.lap("link");
  return 0;
}

static bool hasDispatches(ModuleOp module) {
  return llvm::any_of(module.getOps<EntryOp>(), [](EntryOp entry) {
    return !entry.getBody().front().getOps<DispatchOp>().empty();
  });
}

int Compilation::run() {
  PlainDiagnostics diagnostics(&context);
  bool emitsExecutable = options.last == Phase::Emit && !options.explain &&
                         !options.printPython && options.drawMemory.empty();
  if (emitsExecutable) {
    if (options.output.empty())
      return report("-o is missing: where to write the executable", kBadInput);
    if (std::string error = checkOutput(options.output); !error.empty())
      return report(error, kBadInput);
  }
  if (options.emulator && options.target != "cuda")
    return report("--emulator belongs to --target cuda", kBadInput);
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

  std::string error;
  std::unique_ptr<KernelGenerator> kernels =
      makeKernels(options, *target, error);
  if (!kernels)
    return report(error, kBadInput);
  KernelGenerator &generator = *kernels;
  PhaseOptions phaseOptions = getPhaseOptions(options, generator);
  // Kernels read and write where a plan says: it is trusted no more than its
  // file. Kernels alone are no plan.
  if (options.done >= Phase::Plan && hasDispatches(*module) &&
      (failed(verifyPhase(Phase::Plan, *module, phaseOptions)) ||
       failed(verifyLaunches(*module, generator))))
    return kBadInput;
  PhaseRun phaseRun;
  phaseRun.done = options.done;
  phaseRun.last = std::min(options.last, Phase::Plan);
  phaseRun.dumpDirectory = options.dumpDirectory;
  phaseRun.reproducer =
      options.output.empty() ? "" : options.output + ".failed.mlir";
  if (failed(runPhasesAndPrintPython(phaseRun, phaseOptions)))
    return kFailed;
  timer.lap("phases");
  if (options.memoryLimit > 0 && options.last >= Phase::Plan)
    if (int64_t bytes = getStepBytes(*module); bytes > options.memoryLimit)
      return report(explainMisfit(options, bytes), kBadInput);
  if (options.last <= Phase::Plan)
    return writeModule();
  return emit(generator, *target);
}

int mixln::compile(const CompileOptions &options) {
  return Compilation(options).run();
}
