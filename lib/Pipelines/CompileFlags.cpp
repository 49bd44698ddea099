//===- CompileFlags.cpp - The flags that fix an executable ----------------===//

#include "mixln/Pipelines/CompileFlags.h"

#include "device/CudaApi.h"
#include "mixln/Support/GpuInfo.h"

#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/FileSystem.h"

using namespace llvm;
using namespace mixln;

/// What to compile for this machine's GPU; empty where it has none that code
/// can be made for.
static std::string findGpu() {
  return GpuInfo::getNearest(rt::cuda::findGpuArch());
}

std::string mixln::getGpuArch(const CompileOptions &options) {
  if (!options.gpuArch.empty())
    return options.gpuArch;
  std::string found = findGpu();
  return found.empty() ? "sm_80" : found;
}

static std::string setPositive(int64_t &into, StringRef value) {
  int64_t number;
  if (value.getAsInteger(10, number) || number <= 0)
    return "is '" + value.str() + "', expected a positive whole number";
  into = number;
  return {};
}

static std::string setPhase(Phase &into, StringRef value) {
  if (std::optional<Phase> phase = parsePhase(value)) {
    into = *phase;
    return {};
  }
  std::string names;
  for (const PhaseInfo &info : getPhases())
    names += (names.empty() ? "" : ", ") + info.name.str();
  return "is '" + value.str() + "', expected one of " + names;
}

std::optional<int64_t> mixln::parseBytes(StringRef text) {
  static const std::pair<StringRef, double> units[] = {
      {"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30}, {"TiB", 0x1p40},
      {"KB", 1e3},     {"MB", 1e6},     {"GB", 1e9},     {"TB", 1e12},
      {"K", 0x1p10},   {"M", 0x1p20},   {"G", 0x1p30},   {"T", 0x1p40},
      {"B", 1}};
  double factor = 1;
  for (auto [unit, bytes] : units)
    if (text.ends_with_insensitive(unit)) {
      text = text.drop_back(unit.size()).rtrim();
      factor = bytes;
      break;
    }
  double number;
  // Digits first: no inf, no nan, no sign.
  if (text.empty() || !isDigit(text.front()) || text.getAsDouble(number) ||
      !(number * factor >= 1) || number * factor > 0x1p60)
    return std::nullopt;
  return static_cast<int64_t>(number * factor);
}

static const CompileFlag flags[] = {
    {"model_config", "FILE", "Hugging Face config of the model (JSON)",
     [](CompileOptions &o, StringRef v) {
       o.input = v.str();
       return std::string();
     }},
    {"norm", "SPEC",
     "placement: a preset with its K (post_pre:3), a file, or units per layer "
     "(3xpost,9xpre); default: the config's",
     [](CompileOptions &o, StringRef v) {
       o.norm = v.str();
       return v.empty() ? std::string("is empty") : std::string();
     }},
    {"post_num", "K", "K of the preset, where it has one",
     [](CompileOptions &o, StringRef v) {
       int64_t number;
       if (v.getAsInteger(10, number) || number < 0)
         return "is '" + v.str() + "', expected a whole number of layers";
       o.postNum = number;
       return std::string();
     }},
    {"norm_kind", "KIND",
     "norm of all sites: rms, layernorm, l2, dyt, derf, seednorm or one of the "
     "norm file",
     [](CompileOptions &o, StringRef v) {
       o.normKind = v.str();
       return std::string();
     }},
    {"attention_scale", "S",
     "multiplies q.k instead of 1/sqrt(head_dim): a number or a formula of n = "
     "head_dim, d = hidden_size, L = layers (1/n); default: the config's",
     [](CompileOptions &o, StringRef v) {
       o.attentionScale = v.str();
       return v.empty() ? std::string("is empty") : std::string();
     }},
    {"logit_scale", "S",
     "multiplies the logits (1): a number or a formula of n = d = hidden_size, "
     "L = layers (256/n); default: the config's",
     [](CompileOptions &o, StringRef v) {
       o.logitScale = v.str();
       return v.empty() ? std::string("is empty") : std::string();
     }},
    {"measure", "FILE",
     "further measurements of layers, as formulas (docs/Layers.md)",
     [](CompileOptions &o, StringRef v) {
       o.measure = v.str();
       return v.empty() ? std::string("is empty") : std::string();
     }},
    {"batch_size", "B",
     "sequences of a micro-batch; mixln-train takes auto too: the most that "
     "fit "
     "into memory",
     [](CompileOptions &o, StringRef v) {
       o.autoBatch = v == "auto";
       return o.autoBatch ? std::string() : setPositive(o.batchSize, v);
     }},
    {"seq_len", "T", "tokens of a sequence (256)",
     [](CompileOptions &o, StringRef v) { return setPositive(o.seqLen, v); }},
    {"dtype", "TYPE",
     "fp32 (float32); bf16 (bfloat16): bf16 activations and products, fp32 "
     "weights and optimizer; bf16_pure: bf16 weights and optimizer too",
     [](CompileOptions &o, StringRef v) {
       o.dtype = StringSwitch<std::string>(v)
                     .Cases({"fp32", "float32"}, "fp32")
                     .Cases({"bf16", "bfloat16"}, "bf16")
                     .Cases({"bf16_pure", "bfloat16_pure"}, "bf16_pure")
                     .Default("");
       return o.dtype.empty()
                  ? "is '" + v.str() + "', expected fp32, bf16 or bf16_pure"
                  : std::string();
     }},
    {"target", "cpu|cuda|auto",
     "what to compile for (cpu); auto is cuda where there is a GPU",
     [](CompileOptions &o, StringRef v) {
       o.target = v != "auto" ? v.str() : findGpu().empty() ? "cpu" : "cuda";
       return o.target == "cpu" || o.target == "cuda"
                  ? std::string()
                  : "is '" + v.str() + "', expected cpu, cuda or auto";
     }},
    {"gpu_arch", "ARCH",
     "GPU to compile for with --target cuda (the one of this machine, else "
     "sm_80)",
     [](CompileOptions &o, StringRef v) {
       o.gpuArch = v.str();
       Expected<GpuInfo> gpu = GpuInfo::create(v);
       return gpu ? std::string() : toString(gpu.takeError());
     }},
    {"gpu_matmul", "library|generated",
     "products with --target cuda: cublasLt (library), or kernels of the "
     "executable, which then needs the driver alone",
     [](CompileOptions &o, StringRef v) {
       o.gpuMatmul = v.str();
       return v == "library" || v == "generated"
                  ? std::string()
                  : "is '" + v.str() + "', expected library or generated";
     }},
    {"mcpu", "NAME", "CPU to compile for (native)",
     [](CompileOptions &o, StringRef v) {
       o.cpu = v.str();
       return std::string();
     }},
    {"emulator", "",
     "with --target cuda: the kernels as code of this CPU too, for --device "
     "emulator",
     [](CompileOptions &o, StringRef v) {
       o.emulator = v != "false";
       return v.empty() || v == "true" || v == "false"
                  ? std::string()
                  : "is '" + v.str() + "', expected no value, true or false";
     }},
    {"compile_from", "PHASE", "the input is IR at the end of the phase before",
     [](CompileOptions &o, StringRef v) {
       Phase first = Phase::Expand;
       std::string error = setPhase(first, v);
       if (error.empty() && first == Phase::Import)
         return std::string();
       if (error.empty())
         o.done = static_cast<Phase>(static_cast<int>(first) - 1);
       return error;
     }},
    {"compile_to", "PHASE", "stop after this phase and print its IR",
     [](CompileOptions &o, StringRef v) { return setPhase(o.last, v); }},
    {"dump_phases_to", "DIR", "write the IR after each phase into DIR",
     [](CompileOptions &o, StringRef v) {
       o.dumpDirectory = v.str();
       return std::string();
     }},
    {"memory_limit", "BYTES",
     "most memory of a step, parameters included (2GiB, 512MiB): values of the "
     "forward are computed again until it fits",
     [](CompileOptions &o, StringRef v) {
       std::optional<int64_t> bytes = parseBytes(v);
       o.memoryLimit = bytes.value_or(0);
       return bytes ? std::string()
                    : "is '" + v.str() +
                          "', expected a size such as 2GiB, 512MiB or 2G";
     }},
    {"activation_checkpointing", "",
     "keep one stream a layer, compute the rest of the forward again",
     [](CompileOptions &o, StringRef v) {
       o.checkpoints = v != "false";
       return v.empty() || v == "true" || v == "false"
                  ? std::string()
                  : "is '" + v.str() + "', expected no value, true or false";
     }},
    {"entries", "WHICH", "all; train: without those that generate text (all)",
     [](CompileOptions &o, StringRef v) {
       o.generation = v != "train";
       return v == "all" || v == "train"
                  ? std::string()
                  : "is '" + v.str() + "', expected all or train";
     }},
    {"chunk_rows", "N", "rows of a chunk; default: 512, with cuda 8192",
     [](CompileOptions &o, StringRef v) {
       return setPositive(o.chunks.rows, v);
     }},
    {"chunk_threshold", "BYTES",
     "intermediates larger than this are computed in chunks; default: 32 MiB, "
     "with cuda 512 MiB",
     [](CompileOptions &o, StringRef v) {
       return setPositive(o.chunks.threshold, v);
     }},
};

ArrayRef<CompileFlag> mixln::getCompileFlags() { return flags; }

std::string mixln::canonicalFlag(StringRef argument) {
  std::string name = argument.ltrim('-').str();
  std::replace(name.begin(), name.end(), '-', '_');
  return StringSwitch<std::string>(name)
      .Case("norm_type", "norm")
      .Cases({"max_length", "sequence_length"}, "seq_len")
      .Default(name);
}

const CompileFlag *mixln::findCompileFlag(StringRef name) {
  const auto *flag =
      find_if(flags, [&](const CompileFlag &f) { return f.name == name; });
  return flag == std::end(flags) ? nullptr : flag;
}

std::string mixln::takeCompileFlags(SmallVectorImpl<std::string> &arguments,
                                    CompileOptions &options) {
  SmallVector<std::string> rest;
  for (size_t i = 0; i < arguments.size(); ++i) {
    auto [spelled, inlineValue] = StringRef(arguments[i]).split('=');
    bool hasValue = arguments[i].size() > spelled.size();
    const CompileFlag *flag = spelled.starts_with("--")
                                  ? findCompileFlag(canonicalFlag(spelled))
                                  : nullptr;
    if (!flag) {
      rest.push_back(arguments[i]);
      continue;
    }
    bool takesValue = !flag->placeholder.empty();
    if (takesValue && !hasValue && i + 1 == arguments.size())
      return spelled.str() + " lacks its value " + flag->placeholder.str();
    std::string value = hasValue     ? inlineValue.str()
                        : takesValue ? arguments[++i]
                                     : std::string();
    if (std::string error = flag->set(options, value); !error.empty())
      return spelled.str() + " " + error;
  }
  arguments = std::move(rest);
  return {};
}
