//===- CudaContext.cpp ----------------------------------------------------===//

#include "device/CudaContext.h"
#include "support/Errors.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

using namespace mixln::rt;
using namespace mixln::rt::cuda;

//===----------------------------------------------------------------------===//
// The GPU
//===----------------------------------------------------------------------===//

static const Driver &driverOrError() {
  std::string missing;
  const Driver *driver = openDriver(missing);
  if (!driver)
    badInput("--device cuda: ", missing);
  return *driver;
}

GpuContext::GpuContext() : api(driverOrError()) {
  int count = 0;
  int status = api.cuDeviceGetCount(&count);
  if (status == kNoDevice || (status == kSuccess && count == 0))
    badInput("--device cuda: the driver shows no GPU");
  check(status, "cuDeviceGetCount");
  check(api.cuDeviceGet(&device, 0), "cuDeviceGet");
  char text[256] = {};
  check(api.cuDeviceGetName(text, sizeof text - 1, device), "cuDeviceGetName");
  theName = text;
  check(api.cuDeviceGetAttribute(&major, kAttributeMajor, device),
        "cuDeviceGetAttribute");
  check(api.cuDeviceGetAttribute(&minor, kAttributeMinor, device),
        "cuDeviceGetAttribute");
  check(api.cuDevicePrimaryCtxRetain(&context, device),
        "cuDevicePrimaryCtxRetain");
  use();
}

GpuContext::~GpuContext() {
  api.cuCtxSetCurrent(context);
  for (Stream stream : streams)
    api.cuStreamSynchronize(stream);
  for (Event event : events)
    api.cuEventDestroy_v2(event);
  for (Stream stream : streams)
    api.cuStreamDestroy_v2(stream);
  for (DevicePointer pointer : memory)
    api.cuMemFree_v2(pointer);
  for (void *pointer : hostMemory)
    api.cuMemFreeHost(pointer);
  api.cuDevicePrimaryCtxRelease_v2(device);
}

void GpuContext::check(int status, const char *call) const {
  if (status == kSuccess)
    return;
  const char *text = nullptr;
  api.cuGetErrorString(status, &text);
  runFailed("GPU: ", call, " failed: ", text ? text : "unknown error", " (",
            status, ")");
}

DevicePointer GpuContext::allocate(int64_t bytes, const char *what) {
  DevicePointer pointer = 0;
  int status = api.cuMemAlloc_v2(&pointer, std::max<int64_t>(bytes, 1));
  if (status == kOutOfMemory) {
    size_t free = 0, total = 0;
    api.cuMemGetInfo_v2(&free, &total);
    runFailed("GPU: ", what, " needs ", bytes, " bytes, ", theName, " has ",
              free, " free of ", total,
              "; compile with a smaller --batch_size or with --memory_limit");
  }
  check(status, "cuMemAlloc");
  memory.push_back(pointer);
  return pointer;
}

char *GpuContext::allocateHost(int64_t bytes) {
  void *pointer = nullptr;
  check(api.cuMemAllocHost_v2(&pointer, bytes), "cuMemAllocHost");
  hostMemory.push_back(pointer);
  return static_cast<char *>(pointer);
}

Stream GpuContext::makeStream() {
  Stream stream = nullptr;
  check(api.cuStreamCreate(&stream, kStreamNonBlocking), "cuStreamCreate");
  streams.push_back(stream);
  return stream;
}

Event GpuContext::makeEvent(unsigned flags) {
  Event event = nullptr;
  check(api.cuEventCreate(&event, flags), "cuEventCreate");
  events.push_back(event);
  return event;
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

/// 80 of sm_80, 90 of sm_90a; `exact` where only that generation runs it.
static int archNumber(const char *arch, bool &exact) {
  exact = std::strchr(arch, 'a') != nullptr;
  const char *digits = std::strchr(arch, '_');
  return digits ? std::atoi(digits + 1) : 0;
}

/// Whether a GPU of compute capability `capability` runs the image.
static bool runs(const GpuImage &image, int capability) {
  bool exact;
  int arch = archNumber(image.arch, exact);
  if (exact)
    return arch == capability;
  // Machine code runs on later GPUs of the same generation, PTX on all later.
  return std::strcmp(image.kind, "cubin") == 0
             ? arch / 10 == capability / 10 && arch <= capability
             : arch <= capability;
}

GpuModule::GpuModule(GpuContext &gpu, const Program &program,
                     const GpuImage *images, int64_t imageCount)
    : gpu(gpu) {
  const GpuImage *best = nullptr;
  std::string offered;
  for (int64_t i = 0; i < imageCount; ++i) {
    offered += cat(i ? ", " : "", images[i].kind, " for ", images[i].arch);
    if (!runs(images[i], gpu.capability()))
      continue;
    bool isCubin = std::strcmp(images[i].kind, "cubin") == 0;
    if (!best || (isCubin && std::strcmp(best->kind, "cubin") != 0))
      best = &images[i];
  }
  if (!best)
    badInput("--device cuda: ", gpu.name(), " is sm_", gpu.capability(),
             ", this executable has ",
             offered.empty() ? "no GPU code" : offered,
             "; compile with --gpu_arch for it (it was ", program.gpuArch, ")");
  char log[4096] = {};
  int options[] = {kJitErrorLog, kJitErrorLogBytes};
  void *values[] = {log, reinterpret_cast<void *>(sizeof log)};
  int status =
      gpu.api.cuModuleLoadDataEx(&module, best->data, 2, options, values);
  if (status != kSuccess && log[0])
    runFailed("GPU: the driver does not take the ", best->kind, " for ",
              best->arch, ": ", log);
  gpu.check(status, "cuModuleLoadDataEx");
}

GpuModule::~GpuModule() {
  if (module)
    gpu.api.cuModuleUnload(module);
}

Function GpuModule::find(const std::string &symbol, int64_t sharedBytes) {
  Function function = nullptr;
  if (int status =
          gpu.api.cuModuleGetFunction(&function, module, symbol.c_str());
      status != kSuccess)
    runFailed("damaged program: the GPU's code has no kernel ", symbol, " (",
              status, ")");
  // What a block gets without being asked for it.
  constexpr int64_t kDefault = 48 << 10;
  if (sharedBytes > kDefault)
    gpu.check(gpu.api.cuFuncSetAttribute(function, kFunctionMaxDynamicShared,
                                         static_cast<int>(sharedBytes)),
              "cuFuncSetAttribute");
  return function;
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// What NVIDIA recommends for Hopper; taken once, not while running.
constexpr int64_t kWorkspace = 32 << 20;

static const CublasLt &cublasLtOrError() {
  std::string missing;
  const CublasLt *library = openCublasLt(missing);
  if (!library)
    badInput("--device cuda: ", missing, "; this executable's matmuls call it");
  return *library;
}

GpuMatmuls::GpuMatmuls(GpuContext &gpu) : api(cublasLtOrError()) {
  check(api.cublasLtCreate(&handle), "cublasLtCreate");
  workspace = gpu.allocate(kWorkspace, "the workspace of cublasLt");
}

GpuMatmuls::~GpuMatmuls() {
  for (Plan &plan : plans) {
    for (Layout layout : {plan.first, plan.second, plan.result})
      api.cublasLtMatrixLayoutDestroy(layout);
    api.cublasLtMatmulDescDestroy(plan.description);
  }
  if (handle)
    api.cublasLtDestroy(handle);
}

void GpuMatmuls::check(int status, const std::string &what) const {
  if (status != 0)
    runFailed("GPU: cublasLt: ", what, " failed (", status, ")");
}

/// The largest power of two, to 256, that divides an address.
static uint32_t alignmentOf(DevicePointer pointer) {
  uint32_t alignment = 256;
  while (pointer % alignment != 0)
    alignment /= 2;
  return alignment;
}

size_t GpuMatmuls::makePlan(const std::string &kernel, const LibraryCall &call,
                            const std::vector<DevicePointer> &pointers) {
  Plan plan;
  check(api.cublasLtMatmulDescCreate(&plan.description, kCublasCompute32F,
                                     kCudaR32F),
        "cublasLtMatmulDescCreate");
  auto set = [&](int attribute, const auto &value) {
    check(api.cublasLtMatmulDescSetAttribute(plan.description, attribute,
                                             &value, sizeof value),
          "cublasLtMatmulDescSetAttribute");
  };
  set(kDescTransA, call.transposeFirst);
  set(kDescTransB, call.transposeSecond);
  set(kDescEpilogue, call.epilogue.value);
  if (call.biasOperand >= 0) {
    set(kDescBiasPointer, pointers[call.biasOperand]);
    set(kDescBiasType, cudaDataType(call.result.type));
  }
  for (auto [layout, columns] : {std::pair(&plan.first, &call.first),
                                 std::pair(&plan.second, &call.second),
                                 std::pair(&plan.result, &call.result)})
    check(api.cublasLtMatrixLayoutCreate(layout, cudaDataType(columns->type),
                                         columns->rows, columns->columns,
                                         columns->leading),
          "cublasLtMatrixLayoutCreate");

  Preference preference = nullptr;
  check(api.cublasLtMatmulPreferenceCreate(&preference),
        "cublasLtMatmulPreferenceCreate");
  auto prefer = [&](int attribute, const auto &value) {
    check(api.cublasLtMatmulPreferenceSetAttribute(preference, attribute,
                                                   &value, sizeof value),
          "cublasLtMatmulPreferenceSetAttribute");
  };
  prefer(kPreferenceWorkspace, static_cast<uint64_t>(kWorkspace));
  prefer(kPreferenceAlignmentA, alignmentOf(pointers[call.firstOperand]));
  prefer(kPreferenceAlignmentB, alignmentOf(pointers[call.secondOperand]));
  prefer(kPreferenceAlignmentC, alignmentOf(pointers[call.addendOperand]));
  prefer(kPreferenceAlignmentD, alignmentOf(pointers[call.resultOperand]));
  Heuristic found{};
  int count = 0;
  int status = api.cublasLtMatmulAlgoGetHeuristic(
      handle, plan.description, plan.first, plan.second, plan.result,
      plan.result, preference, 1, &found, &count);
  api.cublasLtMatmulPreferenceDestroy(preference);
  if (status != 0 || count == 0)
    runFailed("GPU: cublasLt has no algorithm for ", kernel, " of ",
              call.columns, " x ", call.depth, " by ", call.depth, " x ",
              call.rows, " (", status, ")");
  plan.algorithm = found.algorithm;
  plans.push_back(plan);
  return plans.size() - 1;
}

size_t GpuMatmuls::prepare(const std::string &kernel, const LibraryCall &call,
                           const std::vector<DevicePointer> &pointers) {
  std::string key = cat(kernel, ' ', call.rows, ' ', call.columns, ' ',
                        call.depth, ' ', call.first.leading, ' ',
                        call.second.leading, ' ', call.result.leading);
  for (int operand : {call.firstOperand, call.secondOperand, call.addendOperand,
                      call.resultOperand})
    key += cat(' ', alignmentOf(pointers[operand]));
  if (call.biasOperand >= 0)
    key += cat(' ', pointers[call.biasOperand]);
  auto found = planOf.find(key);
  if (found == planOf.end())
    found = planOf.emplace(key, makePlan(kernel, call, pointers)).first;
  products.push_back(
      {found->second, pointers[call.firstOperand], pointers[call.secondOperand],
       pointers[call.addendOperand], pointers[call.resultOperand], call.beta});
  return products.size() - 1;
}

void GpuMatmuls::run(size_t index, Stream stream) const {
  const Product &product = products[index];
  const Plan &plan = plans[product.plan];
  auto pointer = [](DevicePointer address) {
    return reinterpret_cast<void *>(static_cast<uintptr_t>(address));
  };
  float alpha = 1;
  check(api.cublasLtMatmul(
            handle, plan.description, &alpha, pointer(product.first),
            plan.first, pointer(product.second), plan.second, &product.beta,
            pointer(product.addend), plan.result, pointer(product.result),
            plan.result, &plan.algorithm, pointer(workspace), kWorkspace,
            stream),
        "cublasLtMatmul");
}
