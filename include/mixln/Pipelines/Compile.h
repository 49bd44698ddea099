//===- Compile.h - From a config to an executable ---------------*- C++ -*-===//

#ifndef MIXLN_PIPELINES_COMPILE_H
#define MIXLN_PIPELINES_COMPILE_H

#include "mixln/Pipelines/Phases.h"

#include "llvm/Support/LogicalResult.h"

#include <memory>
#include <string>

namespace mixln {

class ModelOp;
struct TargetInfo;

/// What fixes an executable. Everything else is a run-time flag.
struct CompileOptions {
  /// A Hugging Face config (.json) or IR (.mlir) at the end of `done`.
  std::string input;
  /// A preset with its K, a file, or units per layer; empty: the config's.
  std::string norm;
  /// K of the preset, where not part of `norm`.
  std::optional<int64_t> postNum;
  /// The norm kind of all sites; empty: the config's, or rms.
  std::string normKind;
  /// Numbers or formulas; empty: the config's.
  std::string attentionScale, logitScale;
  /// File of further measurements; empty: the built-in ones alone.
  std::string measure;
  int64_t batchSize = 1;
  /// `--batch_size auto`: the tool finds one that fits the machine.
  bool autoBatch = false;
  int64_t seqLen = 256;
  /// fp32, bf16 or bf16_pure; empty: fp32, or what IR says of itself.
  std::string dtype;
  /// cpu or cuda; auto is resolved when it is set.
  std::string target = "cpu";
  std::string cpu = "native";
  /// What cuda compiles for; empty: the GPU of this machine, else sm_80.
  std::string gpuArch;
  /// library or generated: who computes products there.
  std::string gpuMatmul = "library";
  /// GPU kernels as code of this CPU too.
  bool emulator = false;
  std::string output;

  Phase done = Phase::Import;
  Phase last = Phase::Emit;
  std::string dumpDirectory;
  /// 0: what suits the target.
  ChunkSizes chunks = {0, 0};
  /// Bytes that the arena of a step may have; 0: no limit.
  int64_t memoryLimit = 0;
  /// Whether the executable can generate text.
  bool generation = true;
  /// Keep one stream a layer, compute the rest of the forward again.
  bool checkpoints = false;
  /// Print what was understood of the placement, the plan, the joins.
  bool explain = false;
  /// Print the model as Python and stop.
  bool printPython = false;
  bool printPlan = false;
  /// Draw the memory of a step there (SVG) and stop; empty: do not.
  std::string drawMemory;
  bool remarks = false;
  bool verbose = false;
  /// Path of the running tool: the runtime stands beside it.
  std::string toolPath;
};

/// The module of a config at the end of import; says in `error` what is wrong.
mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>>
importConfig(mlir::MLIRContext &context, const CompileOptions &options,
             std::string &error);

/// The types that an executable of a config has: what was asked for, or what
/// its placement sets, or fp32.
std::string getDtype(const CompileOptions &options);

/// Adds what every executable measures and what --measure asks for.
mlir::LogicalResult addMeasurements(ModelOp model,
                                    const CompileOptions &options,
                                    std::string &error);

/// The kernels of `options.target`, `cpu` being the CPU; null and in `error`
/// why if there are none for --gpu_arch.
std::unique_ptr<KernelGenerator> makeKernels(const CompileOptions &options,
                                             const TargetInfo &cpu,
                                             std::string &error);

/// `generator` fills in what `options` leaves to the target.
PhaseOptions getPhaseOptions(const CompileOptions &options,
                             KernelGenerator &generator);

/// Compiles; messages go to standard error, IR and explanations to `output` or
/// standard output. Returns the process's exit status: 0, 1 (the compiler
/// failed) or 2 (bad input).
int compile(const CompileOptions &options);

} // namespace mixln

#endif // MIXLN_PIPELINES_COMPILE_H
