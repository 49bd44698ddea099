//===- program.h - What the compiler hands to the runtime -------*- C++ -*-===//
//
// The one header that both sides know. The compiler fills a `Program`,
// serialises it (program-json.h) and links the text with its kernels into an
// executable; the runtime parses it and never sees anything else of the
// compiler.
//
// A program is data: a table of tensors, a table of kernels, and entries, each
// a flat list of dispatches without control flow. The host loops.
//
// Memory is one arena. Every tensor that outlives an entry has a fixed offset
// in it; the values inside an entry have offsets that the plan chose. A
// dispatch names its operands by byte offsets into the arena, so the program
// is position independent and its peak memory is known before it runs.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_RT_PROGRAM_H
#define MIXLN_RT_PROGRAM_H

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace mixln::rt {

/// Raised whenever a field below changes its meaning.
constexpr int64_t kProgramVersion = 2;

/// Every tensor, and every value inside an entry, starts at a multiple of this.
constexpr int64_t kArenaAlignment = 64;

/// One phase of one kernel: runs task `task` of `tasks`.
///
/// `pointers` are the operands, in the order the kernel's code generator
/// documents; `sizes` the run-time extents (numbers of rows, of columns);
/// `values` the f32 immediates of the dispatch. `scratch` is private to the
/// worker and holds at least `Program::scratchBytes` bytes, aligned to
/// kArenaAlignment; nothing survives in it between two calls.
///
/// Tasks of one phase are independent and may run in any order on any thread;
/// a phase starts when all tasks of the one before it are done. What a task
/// computes depends on (task, tasks) alone, and `tasks` is fixed by the plan,
/// so results do not depend on the number of threads.
using KernelFunction = void (*)(void *const *pointers, const int64_t *sizes,
                                const float *values, int64_t task,
                                int64_t tasks, char *scratch);

enum class ElementType { F32, BF16, I32 };

/// Who fills a tensor and who reads it.
enum class Role {
  Parameter, ///< loaded from a checkpoint or initialised; the model's weights
  Gradient,  ///< written by `gradient`, added to by `gradient_add`
  Moment,    ///< optimizer state, zero at the start, part of a checkpoint
  Input,     ///< rows of the batch; the host writes them before a call
  Scalar,    ///< [1] f32 that the host writes before a call
  Output,    ///< written by an entry for the host to read
  Constant,  ///< filled once by its initialiser (RoPE tables)
  Packed,    ///< a copy of a parameter in a kernel's layout, made by `prepare`
             ///< and `update`
  Cache      ///< keys and values between the calls of a generation, in bytes
             ///< that every other entry may overwrite
};

enum class InitKind {
  None,     ///< undefined until an entry or the host writes it
  Constant, ///< every element is `value`
  Normal,   ///< normal with mean 0 and standard deviation `value`, truncated
            ///< nowhere; element i depends on (seed, name, i) only
  RopeCos,  ///< [T, head_dim/2]: cos(t * value^(-2j/head_dim)), value = theta
  RopeSin   ///< likewise sin
};

struct Initializer {
  InitKind kind = InitKind::None;
  double value = 0;
};

struct Tensor {
  std::string name; ///< parameters: the Hugging Face name
  Role role = Role::Parameter;
  ElementType type = ElementType::F32;
  std::vector<int64_t> shape; ///< row major, dense
  int64_t offset = 0;         ///< bytes into the arena
  Initializer init;
  /// For Gradient, Moment and Packed: the parameter they belong to.
  std::string of;
  /// For Parameter: embed, head, qk, v, o, ffn, gain, bias, scale or gate; the
  /// key of the tables of learning-rate multipliers, decay and initial std.
  std::string parameterClass;
  /// For Parameter: the factor on the learning rate that the norm file asks
  /// for (`lr_mult`), and whether weight decay applies (`decay`).
  double lrMultiplier = 1;
  bool decay = true;
};

/// How a phase is launched on a GPU: 1-D blocks, as many as the phase has
/// tasks.
struct LaunchShape {
  int64_t threads = 0;     ///< of a block
  int64_t sharedBytes = 0; ///< dynamic shared memory of a block
};

/// A product that a library computes: D[m, n] (+)= op(A)[m, k] op(B)[k, n],
/// all row major. A dispatch has A, B, D; what is added, laid out as D, where
/// D is not read itself; the bias of an epilogue. Its sizes are m, n, k and the
/// leading dimensions of A, B and D.
struct LibraryMatmul {
  bool transposeA = false; ///< A is stored [k, m]
  bool transposeB = false; ///< B is stored [n, k]
  ElementType a = ElementType::F32, b = ElementType::F32, d = ElementType::F32;
  std::string epilogue;    ///< empty or "bias"
  bool accumulate = false; ///< adds D, or what stands behind it
};

struct Kernel {
  std::string name; ///< e.g. rows.residual_rms.512.f32
  /// Symbols of its phases, in order. The functions themselves stand in
  /// `mixln_kernel_table` (see below) at [firstFunction, + phases.size()).
  std::vector<std::string> phases = {};
  int64_t firstFunction = 0;
  /// On a GPU: one for each phase.
  std::vector<LaunchShape> launches = {};
  /// Empty, or what computes it instead of a function of the program: "matmul".
  std::string library = {};
  LibraryMatmul matmul = {};
};

/// A range of arena bytes that a dispatch touches.
struct Operand {
  int64_t offset = 0;
  int64_t bytes = 0;
  bool reads = false;
  bool writes = false;
};

struct Dispatch {
  int64_t kernel = 0;         ///< index into Program::kernels
  std::vector<int64_t> tasks; ///< one number a phase
  std::vector<Operand> operands;
  std::vector<int64_t> sizes;
  std::vector<float> values;
  int64_t layer = -1; ///< the model's layer it belongs to, or -1
  std::string site;   ///< a name for profiles, e.g. layers.3.mlp.down
  double flops = 0;   ///< floating-point operations it performs
  double bytes = 0;   ///< bytes it must move at least
};

struct Entry {
  std::string name; ///< prepare, gradient, gradient_add, update, loss, logits
  std::vector<Dispatch> dispatches;
};

struct Program {
  int64_t version = kProgramVersion;
  std::string compiler; ///< version of the compiler, for run.json
  /// Text of the Hugging Face config that a checkpoint of this model carries
  /// (architectures, sizes, norm_type, post_num, norm_kind, norm_spec ...).
  std::string configJson;
  /// Text of a modeling_mixln.py that computes this model's logits with
  /// PyTorch; empty where the compiler could not print one.
  std::string modeling;
  std::string norm; ///< how the placement was asked for, e.g. post_pre:3
  /// Flags of commands that the norm file sets where they are not given.
  std::map<std::string, std::string> flags;
  /// What the norm file says, for people, of how it differs from the placement
  /// as it was published, and of what it does not reproduce.
  std::vector<std::string> differences, notReproduced;
  std::string dtype;  ///< fp32, bf16 or bf16_pure
  std::string target; ///< cpu or cuda
  std::string cpu;    ///< the --mcpu it was compiled for
  /// CPU features (LLVM's names) without which the kernels do not run; the
  /// executable refuses to start on a CPU that lacks one.
  std::vector<std::string> cpuFeatures;
  std::string gpuArch; ///< sm_80, sm_90a ...: what the images are made for

  int64_t batchSize = 0; ///< rows (sequences) of a micro-batch
  int64_t seqLen = 0;    ///< T
  int64_t vocabSize = 0;
  int64_t hiddenSize = 0;
  int64_t numLayers = 0;
  double flopsPerToken = 0; ///< of a training step, matmuls and attention

  int64_t arenaBytes = 0;
  /// Of the arena, what a training step reaches: without the entries that only
  /// an evaluation, a generation or a measurement calls.
  int64_t stepBytes = 0;
  /// Where the bytes begin that entries share: what lies behind is valid until
  /// the next call.
  int64_t sharedOffset = 0;
  int64_t scratchBytes = 0; ///< per worker
  /// What the plan was asked to fit into; 0: nothing was asked.
  int64_t memoryLimit = 0;
  bool checkpoints = false; ///< --activation_checkpointing

  std::vector<Tensor> tensors;
  std::vector<Kernel> kernels;
  std::vector<Entry> entries;
};

//===----------------------------------------------------------------------===//
// Names that both sides rely on
//===----------------------------------------------------------------------===//
//
// Inputs (Role::Input), for R = batchSize * seqLen positions:
//   input_ids       [R]   i32  token at each position
//   targets         [R]   i32  the next token's label, already shifted by the
//                              runtime; -100 where it does not count
//   token_order     [R]   i32  positions sorted by (token, position)
//   segment_starts  [R+1] i32  where in token_order each distinct token's run
//                              starts; the entries after the last run are R
//
// Scalars (Role::Scalar, [1] f32):
//   loss_scale        1 / counted labels of the total batch
//   z_loss_scale      loss_scale times --z_loss
//   lr.<class>        learning rate of a parameter class (times its multiplier)
//   decay.<class>     coupled weight decay (Adam: added to the gradient)
//   decoupled_decay.<class>  decoupled weight decay (AdamW)
//   beta1 beta2 eps   Adam's constants
//   bias_correction1  1 - beta1^n    bias_correction2  1 - beta2^n
//   max_grad_norm     clipping threshold; 0 = off
//
// Outputs (Role::Output):
//   loss_sum    [1]       sum of the losses of the micro-batch's counted labels
//                         (unscaled; written by gradient, gradient_add, loss)
//   z_loss_sum  [1]       the same of log(sum of exp of a row's logits)^2,
//                         whose gradient is added by z_loss_scale
//   grad_norm   [1]       global L2 norm before clipping (written by update)
//   output_logits [R, V]  written by `logits`; lives in the transient part of
//                         the arena, valid until the next call
//   stream_rms  [L+1]     RMS over all positions of the residual stream after
//                         the embedding and after each layer
//                         (gradient.measured)
//   layer_grad_norm [L]   L2 norm of the gradient of all parameters of a layer
//                         (written by `gradient_norms`, read from gradients)
//
// Entries: prepare, gradient, gradient_add, update, loss, logits,
// gradient.measured, gradient_norms.
//
// Gradient of parameter P: tensor `grad.P`. Moments: `adam_m.P`, `adam_v.P`.
//
//===----------------------------------------------------------------------===//

} // namespace mixln::rt

//===----------------------------------------------------------------------===//
// Code for GPUs
//===----------------------------------------------------------------------===//
//
// Each phase of a kernel is a GPU function of its symbol's name. Parameters: a
// pointer an operand of the dispatch, its sizes as i64, its values as f32. The
// task is blockIdx.x of gridDim.x tasks. Phases follow each other in stream
// order. `mixln_kernel_table` is then empty.

extern "C" {
/// The kernels in one of the forms that a driver loads.
struct GpuImage {
  const char *arch; ///< e.g. sm_80
  const char *kind; ///< ptx (zero terminated) or cubin
  const char *data;
  int64_t size;
};
extern const GpuImage mixln_gpu_images[];
extern const int64_t mixln_gpu_image_count;

/// The program's text (see program-json.h), not zero terminated.
extern const char mixln_program_text[];
extern const int64_t mixln_program_size;
/// All phases of all kernels, in the order of Program::kernels.
extern const mixln::rt::KernelFunction mixln_kernel_table[];
extern const int64_t mixln_kernel_count;
}

#endif // MIXLN_RT_PROGRAM_H
