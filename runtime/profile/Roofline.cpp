//===- Roofline.cpp -------------------------------------------------------===//

#include "profile/Roofline.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>

using namespace mixln::rt;

//===----------------------------------------------------------------------===//
// Ceilings
//===----------------------------------------------------------------------===//

const std::vector<GpuCeilings> &mixln::rt::gpuCeilings() {
  // Where nobody measured, 80 % of the data sheet's matrix rate and 90 % of its
  // memory's, which is what the other two reach.
  static const std::vector<GpuCeilings> table = {
      {"h100", 794e12, 67e12, 3.0e12, 989e12,
       "SXM, HBM3: best published bf16 product, best published row kernels; "
       "fp32 and peak of the data sheet"},
      {"h200", 790e12, 67e12, 4.3e12, 989e12,
       "measured: bf16 product, device copy; fp32 and peak of the data sheet"},
      {"a100", 250e12, 19.5e12, 1.8e12, 312e12,
       "SXM 80 GB: 80 % and 90 % of the data sheet"},
  };
  return table;
}

//===----------------------------------------------------------------------===//
// Parts of a step
//===----------------------------------------------------------------------===//

namespace {

enum class Component {
  BlockMatmuls,
  HeadMatmuls,
  Attention,
  Norms,
  Activation,
  Loss,
  Embedding,
  Packs,
  Optimizer
};

const char *const componentNames[] = {
    "block matmuls",    "lm_head matmuls", "attention",
    "norms, residuals", "swiglu",          "loss",
    "embedding",        "packs, casts",    "optimizer, clipping"};

} // namespace

static bool contains(const std::string &text, const char *part) {
  return text.find(part) != std::string::npos;
}

/// matmul, attention ...: names begin with what a kernel does.
static bool does(const Kernel &kernel, const char *what) {
  return kernel.library == what || kernel.name.starts_with(what);
}

static Component componentOf(const Entry &entry, const Dispatch &dispatch,
                             const Kernel &kernel) {
  if (entry.name == "update")
    return does(kernel, "pack") || does(kernel, "pair") ? Component::Packs
                                                        : Component::Optimizer;
  if (does(kernel, "matmul"))
    return dispatch.layer >= 0 && !contains(dispatch.site, "head")
               ? Component::BlockMatmuls
               : Component::HeadMatmuls;
  if (does(kernel, "attention"))
    return Component::Attention;
  if (does(kernel, "embedding"))
    return Component::Embedding;
  if (does(kernel, "pack") || does(kernel, "pair") || does(kernel, "cast"))
    return Component::Packs;
  if (contains(dispatch.site, "swiglu"))
    return Component::Activation;
  if (contains(dispatch.site, "loss"))
    return Component::Loss;
  return Component::Norms;
}

/// Products of bf16 and attention on bf16 run on tensor cores, all else on
/// multiply-adds: fp32 never means TF32 here.
static double rateOf(const Program &program, const Kernel &kernel,
                     const GpuCeilings &gpu) {
  bool products = does(kernel, "matmul") || does(kernel, "attention");
  return products && program.dtype != "fp32" ? gpu.bf16 : gpu.fp32;
}

static void add(RooflineRow &row, const Dispatch &dispatch, double compute,
                double memory) {
  ++row.calls;
  row.flops += dispatch.flops;
  row.bytes += dispatch.bytes;
  row.seconds += std::max(compute, memory);
  if (memory >= compute)
    row.memorySeconds += memory;
}

Roofline mixln::rt::makeRoofline(const Program &program,
                                 const GpuCeilings &gpu) {
  Roofline roofline;
  roofline.gpu = gpu;
  roofline.tokens = program.batchSize * program.seqLen;
  std::map<Component, RooflineRow> components;
  std::map<int64_t, RooflineRow> kernels;
  for (const Entry &entry : program.entries) {
    if (entry.name != "gradient" && entry.name != "update")
      continue;
    for (const Dispatch &dispatch : entry.dispatches) {
      const Kernel &kernel = program.kernels.at(dispatch.kernel);
      double compute = dispatch.flops / rateOf(program, kernel, gpu);
      double memory = dispatch.bytes / gpu.memory;
      add(components[componentOf(entry, dispatch, kernel)], dispatch, compute,
          memory);
      RooflineRow &row = kernels[dispatch.kernel];
      row.name = kernel.name;
      add(row, dispatch, compute, memory);
    }
  }
  for (auto &[component, row] : components) {
    row.name = componentNames[static_cast<int>(component)];
    roofline.seconds += row.seconds;
    roofline.components.push_back(row);
  }
  for (auto &[kernel, row] : kernels)
    roofline.kernels.push_back(row);
  std::sort(roofline.kernels.begin(), roofline.kernels.end(),
            [](const RooflineRow &a, const RooflineRow &b) {
              return a.seconds != b.seconds ? a.seconds > b.seconds
                                            : a.name < b.name;
            });
  if (roofline.seconds > 0)
    roofline.mfu = program.flopsPerToken *
                   static_cast<double>(roofline.tokens) / roofline.seconds /
                   gpu.peakBf16;
  return roofline;
}

//===----------------------------------------------------------------------===//
// For readers
//===----------------------------------------------------------------------===//

__attribute__((format(printf, 2, 3))) static void
print(std::string &text, const char *format, ...) {
  char line[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  text += line;
}

static void printRows(std::string &text, const char *title,
                      const std::vector<RooflineRow> &rows) {
  print(text, "%-52s %6s %10s %10s %9s  %s\n", title, "calls", "GFLOP", "MB",
        "ms", "bound");
  for (const RooflineRow &row : rows)
    print(text, "%-52.52s %6lld %10.2f %10.2f %9.3f  %s\n", row.name.c_str(),
          static_cast<long long>(row.calls), row.flops / 1e9, row.bytes / 1e6,
          row.seconds * 1e3,
          row.memorySeconds * 2 >= row.seconds ? "memory" : "compute");
}

std::string mixln::rt::rooflineText(const Program &program,
                                    const Roofline &roofline) {
  const GpuCeilings &gpu = roofline.gpu;
  std::string text;
  print(text, "%s: bf16 %.0f TFLOP/s, fp32 %.1f TFLOP/s, memory %.2f TB/s\n",
        gpu.name, gpu.bf16 / 1e12, gpu.fp32 / 1e12, gpu.memory / 1e12);
  print(text, "  (%s)\n", gpu.from);
  if (program.target != "cuda")
    print(text,
          "the plan is that of --target %s: its packs are not a GPU's, "
          "attention reads and writes the same\n",
          program.target.c_str());
  text += "\n";
  printRows(text, "component", roofline.components);
  text += "\n";
  printRows(text, "kernel", roofline.kernels);
  print(text,
        "\nfloor of an update of %lld tokens: %.2f ms, %.0f tokens/s, MFU "
        "%.1f %%\n",
        static_cast<long long>(roofline.tokens), roofline.seconds * 1e3,
        static_cast<double>(roofline.tokens) / roofline.seconds,
        roofline.mfu * 100);
  return text;
}

static nlohmann::ordered_json toJson(const std::vector<RooflineRow> &rows) {
  auto list = nlohmann::ordered_json::array();
  for (const RooflineRow &row : rows)
    list.push_back(
        {{"name", row.name},
         {"calls", row.calls},
         {"flops", row.flops},
         {"bytes", row.bytes},
         {"seconds", row.seconds},
         {"bound",
          row.memorySeconds * 2 >= row.seconds ? "memory" : "compute"}});
  return list;
}

std::string mixln::rt::rooflineJson(const Program &program,
                                    const Roofline &roofline) {
  const GpuCeilings &gpu = roofline.gpu;
  nlohmann::ordered_json json = {
      {"gpu", gpu.name},
      {"bf16_flops", gpu.bf16},
      {"fp32_flops", gpu.fp32},
      {"memory_bytes", gpu.memory},
      {"peak_bf16_flops", gpu.peakBf16},
      {"target", program.target},
      {"tokens", roofline.tokens},
      {"seconds", roofline.seconds},
      {"tokens_per_second",
       static_cast<double>(roofline.tokens) / roofline.seconds},
      {"mfu", roofline.mfu},
      {"components", toJson(roofline.components)},
      {"kernels", toJson(roofline.kernels)}};
  return json.dump() + "\n";
}
