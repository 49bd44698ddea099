//===- Toy.cpp - The bigram model's program -------------------------------===//

#include "Toy.h"

using namespace mixln::rt;

namespace {

class Builder {
public:
  Program program;

  int64_t tensor(const std::string &name, Role role, ElementType type,
                 std::vector<int64_t> shape, const std::string &of = "",
                 Initializer init = {}, const std::string &cls = "") {
    Tensor made;
    made.name = name;
    made.role = role;
    made.type = type;
    made.shape = shape;
    made.of = of;
    made.init = init;
    made.parameterClass = cls;
    int64_t bytes = 4;
    for (int64_t extent : shape)
      bytes *= extent;
    made.offset = space(bytes);
    program.tensors.push_back(made);
    sizes.push_back(bytes);
    return program.tensors.size() - 1;
  }

  /// A value inside entries.
  Operand transient(int64_t bytes) { return {space(bytes), bytes, true, true}; }

  Operand reads(int64_t tensor) const {
    return {program.tensors[tensor].offset, sizes[tensor], true, false};
  }
  Operand writes(int64_t tensor) const {
    return {program.tensors[tensor].offset, sizes[tensor], true, true};
  }

  int64_t kernel(const std::string &name, std::vector<std::string> phases,
                 int64_t first) {
    program.kernels.push_back({name, phases, first});
    return program.kernels.size() - 1;
  }

  static Dispatch dispatch(int64_t kernel, std::vector<int64_t> tasks,
                           std::vector<Operand> operands,
                           std::vector<int64_t> sizes,
                           std::vector<float> values = {}) {
    Dispatch made;
    made.kernel = kernel;
    made.tasks = tasks;
    made.operands = operands;
    made.sizes = sizes;
    made.values = values;
    made.site = "toy";
    made.flops = 1;
    return made;
  }

private:
  int64_t space(int64_t bytes) {
    int64_t offset = program.arenaBytes;
    program.arenaBytes +=
        (bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
    return offset;
  }

  std::vector<int64_t> sizes;
};

} // namespace

static void describe(Program &program, int64_t batchSize, int64_t length,
                     int64_t vocabSize) {
  program.compiler = "by hand";
  program.configJson = R"({"architectures": ["MixlnForCausalLM"],)"
                       R"( "model_type": "mixln", "vocab_size": )" +
                       std::to_string(vocabSize) + "}";
  program.norm = "none";
  program.dtype = "fp32";
  program.target = "cpu";
  program.cpu = "x86-64";
  program.cpuFeatures = {"+sse2"};
  program.batchSize = batchSize;
  program.seqLen = length;
  program.vocabSize = vocabSize;
  program.hiddenSize = vocabSize;
  program.numLayers = 1;
  program.flopsPerToken = 6.0 * static_cast<double>(vocabSize);
  program.scratchBytes = vocabSize * 4;
}

Program toy::makeProgram(int64_t batchSize, int64_t length, int64_t vocabSize) {
  Builder b;
  describe(b.program, batchSize, length, vocabSize);
  int64_t r = batchSize * length, v = vocabSize;
  auto f32 = ElementType::F32, i32 = ElementType::I32;

  struct Trained {
    int64_t value, gradient, m, v;
    std::string cls;
    int64_t elements;
  };
  auto parameter = [&](const std::string &name, std::vector<int64_t> shape,
                       Initializer init, const std::string &cls) {
    Trained out;
    out.value = b.tensor(name, Role::Parameter, f32, shape, "", init, cls);
    out.gradient = b.tensor("grad." + name, Role::Gradient, f32, shape, name);
    out.m = b.tensor("adam_m." + name, Role::Moment, f32, shape, name);
    out.v = b.tensor("adam_v." + name, Role::Moment, f32, shape, name);
    out.cls = cls;
    out.elements = 1;
    for (int64_t extent : shape)
      out.elements *= extent;
    return out;
  };
  Trained table = parameter(kTable, {v, v}, {InitKind::Normal, 0.02}, "embed");
  Trained bias = parameter(kBias, {v}, {InitKind::Constant, 0}, "bias");

  int64_t ids = b.tensor("input_ids", Role::Input, i32, {r});
  int64_t targets = b.tensor("targets", Role::Input, i32, {r});
  int64_t order = b.tensor("token_order", Role::Input, i32, {r});
  int64_t starts = b.tensor("segment_starts", Role::Input, i32, {r + 1});
  auto scalar = [&](const std::string &name) {
    return b.tensor(name, Role::Scalar, f32, {1});
  };
  int64_t lossScale = scalar("loss_scale"), clip = scalar("max_grad_norm");
  int64_t beta1 = scalar("beta1"), beta2 = scalar("beta2"), eps = scalar("eps");
  int64_t correction1 = scalar("bias_correction1");
  int64_t correction2 = scalar("bias_correction2");
  int64_t lossSum = b.tensor("loss_sum", Role::Output, f32, {1});
  int64_t gradNorm = b.tensor("grad_norm", Role::Output, f32, {1});
  int64_t layerNorm = b.tensor("layer_grad_norm", Role::Output, f32, {1});
  int64_t logits = b.tensor("output_logits", Role::Output, f32, {r, v});
  b.tensor("cos", Role::Constant, f32, {length, 2}, "",
           {InitKind::RopeCos, 10000});
  Operand rowLoss = b.transient(r * 4), dLogits = b.transient(r * v * 4);
  Operand partial = b.transient(v * 4);

  int64_t lossKernel = b.kernel("toy.loss", {"rows", "sum"}, 0);
  int64_t gradKernel = b.kernel("toy.gradient", {"clear", "add"}, 2);
  int64_t normKernel = b.kernel("toy.norm", {"squares", "norm"}, 4);
  int64_t adamKernel = b.kernel("toy.adam", {"adam"}, 6);
  int64_t logitsKernel = b.kernel("toy.logits", {"rows"}, 7);

  Dispatch loss =
      b.dispatch(lossKernel, {r, 1},
                 {b.reads(ids), b.reads(targets), b.reads(table.value),
                  b.reads(bias.value), b.reads(lossScale), rowLoss, dLogits,
                  b.writes(lossSum)},
                 {r, v});
  auto gradient = [&](float add) {
    return b.dispatch(gradKernel, {v, r + v},
                      {b.reads(ids), b.reads(order), b.reads(starts), dLogits,
                       b.writes(table.gradient), b.writes(bias.gradient)},
                      {r, v}, {add});
  };
  auto normTo = [&](int64_t output) {
    return b.dispatch(normKernel, {v, 1},
                      {b.reads(table.gradient), b.reads(bias.gradient), partial,
                       b.writes(output)},
                      {v});
  };
  Entry update{"update", {normTo(gradNorm)}};
  for (const Trained &p : {table, bias}) {
    int64_t lr = scalar("lr." + p.cls), decay = scalar("decay." + p.cls);
    int64_t decoupled = scalar("decoupled_decay." + p.cls);
    update.dispatches.push_back(b.dispatch(
        adamKernel, {5},
        {b.reads(p.gradient), b.writes(p.m), b.writes(p.v), b.reads(gradNorm),
         b.reads(clip), b.reads(lr), b.reads(decay), b.reads(decoupled),
         b.reads(beta1), b.reads(beta2), b.reads(eps), b.reads(correction1),
         b.reads(correction2), b.writes(p.value)},
        {p.elements}));
  }
  Dispatch logitRows = b.dispatch(logitsKernel, {r},
                                  {b.reads(ids), b.reads(table.value),
                                   b.reads(bias.value), b.writes(logits)},
                                  {r, v});
  b.program.entries = {{"prepare", {}},
                       {"gradient", {loss, gradient(0)}},
                       {"gradient_add", {loss, gradient(1)}},
                       update,
                       {"loss", {loss}},
                       {"logits", {logitRows}},
                       {"gradient_norms", {normTo(layerNorm)}}};
  b.program.stepBytes = b.program.sharedOffset = b.program.arenaBytes;
  return b.program;
}
