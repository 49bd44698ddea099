//===- program-json.cpp - The text form of a program ----------------------===//

#include "mixln-rt/program-json.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>

using namespace mixln::rt;
using nlohmann::json;

//===----------------------------------------------------------------------===//
// Numbers and enumerations
//===----------------------------------------------------------------------===//

// JSON has no infinities and no NaN; an immediate may be one.
static json numberToJson(double value) {
  if (std::isfinite(value))
    return value;
  if (std::isnan(value))
    return "nan";
  return value > 0 ? "inf" : "-inf";
}

static double numberFromJson(const json &value) {
  if (!value.is_string())
    return value.get<double>();
  const std::string &text = value.get_ref<const std::string &>();
  if (text == "inf")
    return std::numeric_limits<double>::infinity();
  if (text == "-inf")
    return -std::numeric_limits<double>::infinity();
  if (text == "nan")
    return std::numeric_limits<double>::quiet_NaN();
  throw std::runtime_error("'" + text + "' is not a number");
}

template <typename Enum, size_t N>
static Enum enumFromJson(const json &value, const char *const (&names)[N]) {
  const std::string &text = value.get_ref<const std::string &>();
  for (size_t i = 0; i < N; ++i)
    if (text == names[i])
      return static_cast<Enum>(i);
  throw std::runtime_error("unknown name '" + text + "'");
}

static const char *const typeNames[] = {"f32", "bf16", "i32"};
static const char *const roleNames[] = {"parameter", "gradient", "moment",
                                        "input",     "scalar",   "output",
                                        "constant",  "packed",   "cache"};
static const char *const initNames[] = {"none", "constant", "normal",
                                        "rope_cos", "rope_sin"};

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

static json toJson(const Tensor &tensor) {
  json out = {{"name", tensor.name},
              {"role", roleNames[static_cast<int>(tensor.role)]},
              {"type", typeNames[static_cast<int>(tensor.type)]},
              {"shape", tensor.shape},
              {"offset", tensor.offset}};
  if (tensor.init.kind != InitKind::None)
    out["init"] = {initNames[static_cast<int>(tensor.init.kind)],
                   numberToJson(tensor.init.value)};
  if (!tensor.of.empty())
    out["of"] = tensor.of;
  if (!tensor.parameterClass.empty())
    out["class"] = tensor.parameterClass;
  if (tensor.lrMultiplier != 1)
    out["lr_mult"] = numberToJson(tensor.lrMultiplier);
  if (!tensor.decay)
    out["decay"] = false;
  return out;
}

static json toJson(const Dispatch &dispatch) {
  json operands = json::array();
  for (const Operand &operand : dispatch.operands)
    operands.push_back({operand.offset, operand.bytes,
                        (operand.reads ? 1 : 0) | (operand.writes ? 2 : 0)});
  json out = {{"kernel", dispatch.kernel},
              {"tasks", dispatch.tasks},
              {"operands", std::move(operands)}};
  if (!dispatch.sizes.empty())
    out["sizes"] = dispatch.sizes;
  if (!dispatch.values.empty()) {
    json values = json::array();
    for (float value : dispatch.values)
      values.push_back(numberToJson(value));
    out["values"] = std::move(values);
  }
  if (dispatch.layer != -1)
    out["layer"] = dispatch.layer;
  if (!dispatch.site.empty())
    out["site"] = dispatch.site;
  out["flops"] = numberToJson(dispatch.flops);
  out["bytes"] = numberToJson(dispatch.bytes);
  return out;
}

static json toJson(const Kernel &kernel) {
  json out = {{"name", kernel.name},
              {"phases", kernel.phases},
              {"first_function", kernel.firstFunction}};
  if (!kernel.launches.empty()) {
    json launches = json::array();
    for (const LaunchShape &launch : kernel.launches)
      launches.push_back({launch.threads, launch.sharedBytes});
    out["launches"] = std::move(launches);
  }
  if (!kernel.library.empty()) {
    const LibraryMatmul &matmul = kernel.matmul;
    out["library"] = kernel.library;
    out["matmul"] = {{"transpose_a", matmul.transposeA},
                     {"transpose_b", matmul.transposeB},
                     {"a", typeNames[static_cast<int>(matmul.a)]},
                     {"b", typeNames[static_cast<int>(matmul.b)]},
                     {"d", typeNames[static_cast<int>(matmul.d)]},
                     {"epilogue", matmul.epilogue},
                     {"accumulate", matmul.accumulate}};
  }
  return out;
}

std::string mixln::rt::serialize(const Program &program) {
  json tensors = json::array(), kernels = json::array(),
       entries = json::array();
  for (const Tensor &tensor : program.tensors)
    tensors.push_back(toJson(tensor));
  for (const Kernel &kernel : program.kernels)
    kernels.push_back(toJson(kernel));
  for (const Entry &entry : program.entries) {
    json dispatches = json::array();
    for (const Dispatch &dispatch : entry.dispatches)
      dispatches.push_back(toJson(dispatch));
    entries.push_back(
        {{"name", entry.name}, {"dispatches", std::move(dispatches)}});
  }
  json out = {{"version", program.version},
              {"compiler", program.compiler},
              {"config", program.configJson},
              {"modeling", program.modeling},
              {"norm", program.norm},
              {"flags", program.flags},
              {"differences", program.differences},
              {"not_reproduced", program.notReproduced},
              {"dtype", program.dtype},
              {"target", program.target},
              {"cpu", program.cpu},
              {"cpu_features", program.cpuFeatures},
              {"gpu_arch", program.gpuArch},
              {"batch_size", program.batchSize},
              {"seq_len", program.seqLen},
              {"vocab_size", program.vocabSize},
              {"hidden_size", program.hiddenSize},
              {"num_layers", program.numLayers},
              {"flops_per_token", numberToJson(program.flopsPerToken)},
              {"arena_bytes", program.arenaBytes},
              {"step_bytes", program.stepBytes},
              {"shared_offset", program.sharedOffset},
              {"scratch_bytes", program.scratchBytes},
              {"memory_limit", program.memoryLimit},
              {"checkpoints", program.checkpoints},
              {"tensors", std::move(tensors)},
              {"kernels", std::move(kernels)},
              {"entries", std::move(entries)}};
  return out.dump();
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

static Tensor tensorFromJson(const json &in) {
  Tensor tensor;
  in.at("name").get_to(tensor.name);
  tensor.role = enumFromJson<Role>(in.at("role"), roleNames);
  tensor.type = enumFromJson<ElementType>(in.at("type"), typeNames);
  in.at("shape").get_to(tensor.shape);
  in.at("offset").get_to(tensor.offset);
  if (in.contains("init")) {
    tensor.init.kind = enumFromJson<InitKind>(in["init"].at(0), initNames);
    tensor.init.value = numberFromJson(in["init"].at(1));
  }
  tensor.of = in.value("of", "");
  tensor.parameterClass = in.value("class", "");
  if (in.contains("lr_mult"))
    tensor.lrMultiplier = numberFromJson(in["lr_mult"]);
  tensor.decay = in.value("decay", true);
  return tensor;
}

static Dispatch dispatchFromJson(const json &in) {
  Dispatch dispatch;
  in.at("kernel").get_to(dispatch.kernel);
  in.at("tasks").get_to(dispatch.tasks);
  for (const json &item : in.at("operands")) {
    int access = item.at(2).get<int>();
    dispatch.operands.push_back({item.at(0).get<int64_t>(),
                                 item.at(1).get<int64_t>(), (access & 1) != 0,
                                 (access & 2) != 0});
  }
  if (in.contains("sizes"))
    in["sizes"].get_to(dispatch.sizes);
  if (in.contains("values"))
    for (const json &value : in["values"])
      dispatch.values.push_back(static_cast<float>(numberFromJson(value)));
  dispatch.layer = in.value("layer", int64_t(-1));
  dispatch.site = in.value("site", "");
  dispatch.flops = numberFromJson(in.at("flops"));
  dispatch.bytes = numberFromJson(in.at("bytes"));
  return dispatch;
}

static Kernel kernelFromJson(const json &in) {
  Kernel kernel;
  in.at("name").get_to(kernel.name);
  in.at("phases").get_to(kernel.phases);
  in.at("first_function").get_to(kernel.firstFunction);
  if (in.contains("launches"))
    for (const json &item : in["launches"])
      kernel.launches.push_back(
          {item.at(0).get<int64_t>(), item.at(1).get<int64_t>()});
  kernel.library = in.value("library", "");
  if (in.contains("matmul")) {
    const json &item = in["matmul"];
    LibraryMatmul &matmul = kernel.matmul;
    item.at("transpose_a").get_to(matmul.transposeA);
    item.at("transpose_b").get_to(matmul.transposeB);
    matmul.a = enumFromJson<ElementType>(item.at("a"), typeNames);
    matmul.b = enumFromJson<ElementType>(item.at("b"), typeNames);
    matmul.d = enumFromJson<ElementType>(item.at("d"), typeNames);
    item.at("epilogue").get_to(matmul.epilogue);
    item.at("accumulate").get_to(matmul.accumulate);
  }
  return kernel;
}

static Program programFromJson(const json &in) {
  Program program;
  in.at("version").get_to(program.version);
  if (program.version != kProgramVersion)
    throw std::runtime_error("version " + std::to_string(program.version) +
                             ", expected " + std::to_string(kProgramVersion));
  in.at("compiler").get_to(program.compiler);
  in.at("config").get_to(program.configJson);
  in.at("modeling").get_to(program.modeling);
  in.at("norm").get_to(program.norm);
  in.at("flags").get_to(program.flags);
  in.at("differences").get_to(program.differences);
  in.at("not_reproduced").get_to(program.notReproduced);
  in.at("dtype").get_to(program.dtype);
  in.at("target").get_to(program.target);
  in.at("cpu").get_to(program.cpu);
  in.at("cpu_features").get_to(program.cpuFeatures);
  program.gpuArch = in.value("gpu_arch", "");
  in.at("batch_size").get_to(program.batchSize);
  in.at("seq_len").get_to(program.seqLen);
  in.at("vocab_size").get_to(program.vocabSize);
  in.at("hidden_size").get_to(program.hiddenSize);
  in.at("num_layers").get_to(program.numLayers);
  program.flopsPerToken = numberFromJson(in.at("flops_per_token"));
  in.at("arena_bytes").get_to(program.arenaBytes);
  in.at("step_bytes").get_to(program.stepBytes);
  in.at("shared_offset").get_to(program.sharedOffset);
  in.at("scratch_bytes").get_to(program.scratchBytes);
  program.memoryLimit = in.value("memory_limit", int64_t(0));
  program.checkpoints = in.value("checkpoints", false);
  for (const json &tensor : in.at("tensors"))
    program.tensors.push_back(tensorFromJson(tensor));
  for (const json &item : in.at("kernels"))
    program.kernels.push_back(kernelFromJson(item));
  for (const json &item : in.at("entries")) {
    Entry entry;
    item.at("name").get_to(entry.name);
    for (const json &dispatch : item.at("dispatches"))
      entry.dispatches.push_back(dispatchFromJson(dispatch));
    program.entries.push_back(std::move(entry));
  }
  return program;
}

Program mixln::rt::parse(const char *text, size_t size) {
  try {
    return programFromJson(json::parse(text, text + size));
  } catch (const std::exception &error) {
    throw std::runtime_error(std::string("damaged program: ") + error.what());
  }
}
