//===- InfoCommand.cpp ----------------------------------------------------===//

#include "cli/Commands.h"
#include "cli/KernelsInfo.h"
#include "cli/MemoryInfo.h"
#include "cli/SharedFlags.h"
#include "device/CpuFeatures.h"
#include "profile/Roofline.h"
#include "support/Errors.h"
#include "train/Model.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

using namespace mixln::rt;
using nlohmann::ordered_json;

/// How the matmuls multiply.
static std::string productsOf(const Program &program) {
  if (program.dtype == "fp32")
    return "fp32 multiply-adds";
  return usesDotProducts(program) ? "bf16 dot products (avx512bf16)"
                                  : "fp32 multiply-adds on bf16 numbers";
}

static ordered_json describe(const Program &program) {
  int64_t parameters = 0;
  for (const Tensor &tensor : program.tensors)
    if (tensor.role == Role::Parameter)
      parameters += elementCount(tensor);
  ordered_json dispatches = ordered_json::object();
  for (const Entry &entry : program.entries)
    dispatches[entry.name] = entry.dispatches.size();
  return {{"parameters", parameters},
          {"flops_per_token", program.flopsPerToken},
          {"arena_bytes", program.stepBytes},
          {"scratch_bytes", program.scratchBytes},
          {"kernels", program.kernels.size()},
          {"dispatches", dispatches},
          {"target", program.target},
          {"cpu", program.cpu},
          {"dtype", program.dtype},
          {"products", productsOf(program)},
          {"norm", program.norm},
          {"batch_size", program.batchSize},
          {"seq_len", program.seqLen},
          {"vocab_size", program.vocabSize},
          {"hidden_size", program.hiddenSize},
          {"num_layers", program.numLayers},
          {"compiler", program.compiler}};
}

static void printRoofline(const Program &program, const std::string &gpu,
                          bool asJson) {
  for (const GpuCeilings &ceilings : gpuCeilings()) {
    if (gpu != ceilings.name)
      continue;
    Roofline roofline = makeRoofline(program, ceilings);
    std::fputs((asJson ? rooflineJson(program, roofline)
                       : rooflineText(program, roofline))
                   .c_str(),
               stdout);
  }
}

int mixln::rt::infoCommand(const Executable &executable,
                           const Arguments &arguments) {
  Flags flags(executable.name + " info",
              "Prints what was compiled into this executable.");
  bool asJson = false;
  flags.toggle("json", asJson, "as one JSON object");
  bool kernels = false, noRun = false;
  int64_t runs = 3;
  ThreadFlags threads;
  DeviceFlags device;
  flags.toggle("kernels", kernels,
               "a row for each kernel: time, FLOPs, bytes and the share of the "
               "ceiling that bounds it, measured on random rows");
  flags.toggle("no_run", noRun,
               "with --kernels: what is known without running");
  flags.count("runs", runs, 1, "with --kernels: updates that are measured");
  threads.add(flags);
  device.add(flags);
  bool roofline = false;
  std::string gpu = "h100";
  std::vector<std::string> gpus;
  for (const GpuCeilings &ceilings : gpuCeilings())
    gpus.push_back(ceilings.name);
  flags.toggle("roofline", roofline,
               "what an update cannot be faster than on a GPU, from FLOPs and "
               "bytes of the plan; nothing runs");
  flags.choice("gpu", gpu, gpus, "with --roofline: which GPU");
  if (!flags.parse(arguments))
    return ExitDone;
  for (const char *name :
       {"no_run", "runs", "threads", "device", "emulator_seed"})
    if (flags.given(name) && !kernels)
      badInput("--", name, " belongs to --kernels");
  if (flags.given("gpu") && !roofline)
    badInput("--gpu belongs to --roofline");
  if (roofline) {
    printRoofline(executable.program, gpu, asJson);
    return ExitDone;
  }
  if (kernels) {
    if (!noRun)
      checkCpu(executable.program);
    printKernels(executable, device.resolve(flags), threads.resolve(),
                 noRun ? 0 : runs, asJson);
    return ExitDone;
  }
  ordered_json info = describe(executable.program);
  ordered_json memory = describeMemory(executable.program);
  if (asJson) {
    info["memory"] = std::move(memory);
    std::printf("%s\n", info.dump().c_str());
    return ExitDone;
  }
  for (auto &[name, value] : info.items()) {
    std::string text =
        value.is_string() ? value.get<std::string>() : value.dump();
    std::printf("%-16s %s\n", name.c_str(), text.c_str());
  }
  printMemory(memory);
  return ExitDone;
}
