//===- FakeCuda.cpp - A driver and a cublasLt without a GPU ---------------===//
//
// Memory is the host's, copies are memcpy, launches do nothing but to be
// written down. FAKE_CUDA_LOG names a file that gets a line a call;
// FAKE_CUDA_FAIL=NAME:STATUS makes one function fail; FAKE_CUDA_CAPABILITY is
// 90 if not given; FAKE_CUDA_GPUS how many there are; FAKE_CUDA_ARGUMENTS
// writes down a launch's size and value.
//
//===----------------------------------------------------------------------===//

#include "device/CudaApi.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

using namespace mixln::rt::cuda;

static std::string setting(const char *name, const char *otherwise) {
  const char *value = std::getenv(name);
  return value ? value : otherwise;
}

static void log(const std::string &line) {
  std::string path = setting("FAKE_CUDA_LOG", "");
  if (path.empty())
    return;
  if (std::FILE *file = std::fopen(path.c_str(), "a")) {
    std::fprintf(file, "%s\n", line.c_str());
    std::fclose(file);
  }
}

static int called(const std::string &name, const std::string &more = {}) {
  log(more.empty() ? name : name + " " + more);
  std::string fail = setting("FAKE_CUDA_FAIL", "");
  size_t colon = fail.find(':');
  if (colon != std::string::npos && fail.substr(0, colon) == name)
    return std::atoi(fail.c_str() + colon + 1);
  return kSuccess;
}

template <typename T> static T handle() {
  return reinterpret_cast<T>(std::malloc(16));
}

static bool capturing = false;
static long captured = 0;
/// What a fake function knows of itself.
struct Named {
  char name[64];
};

#define FAKE(name, ...) extern "C" int name(__VA_ARGS__)
#define SIMPLE(name, ...)                                                      \
  FAKE(name, __VA_ARGS__) { return called(#name); }

SIMPLE(cuInit, unsigned)
FAKE(cuDriverGetVersion, int *version) {
  *version = 13000;
  return kSuccess;
}
FAKE(cuGetErrorString, int status, const char **text) {
  *text = status == kOutOfMemory ? "out of memory" : "as asked for";
  return kSuccess;
}
FAKE(cuDeviceGetCount, int *count) {
  *count = std::atoi(setting("FAKE_CUDA_GPUS", "1").c_str());
  return *count ? kSuccess : kNoDevice;
}
FAKE(cuDeviceGet, int *device, int index) {
  *device = index;
  return kSuccess;
}
FAKE(cuDeviceGetName, char *text, int size, int) {
  std::snprintf(text, size, "Fake GPU");
  return kSuccess;
}
FAKE(cuDeviceGetAttribute, int *value, int attribute, int) {
  int capability = std::atoi(setting("FAKE_CUDA_CAPABILITY", "90").c_str());
  *value = attribute == kAttributeMajor   ? capability / 10
           : attribute == kAttributeMinor ? capability % 10
                                          : 132;
  return kSuccess;
}
FAKE(cuDevicePrimaryCtxRetain, Context *context, int) {
  *context = handle<Context>();
  return called("cuDevicePrimaryCtxRetain");
}
SIMPLE(cuDevicePrimaryCtxRelease_v2, int)
FAKE(cuCtxSetCurrent, Context) { return kSuccess; }
FAKE(cuMemGetInfo_v2, size_t *free, size_t *total) {
  *free = std::strtoull(setting("FAKE_CUDA_FREE", "1000").c_str(), nullptr, 10);
  *total = 2 * *free;
  return kSuccess;
}
FAKE(cuMemAlloc_v2, DevicePointer *pointer, size_t bytes) {
  *pointer = reinterpret_cast<DevicePointer>(
      std::aligned_alloc(256, (bytes + 255) / 256 * 256));
  return called("cuMemAlloc", std::to_string(bytes));
}
FAKE(cuMemFree_v2, DevicePointer pointer) {
  std::free(reinterpret_cast<void *>(pointer));
  return called("cuMemFree");
}
FAKE(cuMemAllocHost_v2, void **pointer, size_t bytes) {
  *pointer = std::malloc(bytes);
  return called("cuMemAllocHost");
}
FAKE(cuMemFreeHost, void *pointer) {
  std::free(pointer);
  return kSuccess;
}
FAKE(cuMemcpyHtoDAsync_v2, DevicePointer to, const void *from, size_t bytes,
     Stream) {
  std::memcpy(reinterpret_cast<void *>(to), from, bytes);
  return called("cuMemcpyHtoDAsync", std::to_string(bytes));
}
FAKE(cuMemcpyDtoHAsync_v2, void *to, DevicePointer from, size_t bytes, Stream) {
  std::memcpy(to, reinterpret_cast<void *>(from), bytes);
  return called("cuMemcpyDtoHAsync", std::to_string(bytes));
}
FAKE(cuMemcpyDtoDAsync_v2, DevicePointer to, DevicePointer from, size_t bytes,
     Stream) {
  std::memcpy(reinterpret_cast<void *>(to), reinterpret_cast<void *>(from),
              bytes);
  return called("cuMemcpyDtoDAsync", std::to_string(bytes));
}
FAKE(cuMemsetD8Async, DevicePointer to, unsigned char value, size_t bytes,
     Stream) {
  std::memset(reinterpret_cast<void *>(to), value, bytes);
  return called("cuMemsetD8Async");
}
FAKE(cuStreamCreate, Stream *stream, unsigned) {
  *stream = handle<Stream>();
  return called("cuStreamCreate");
}
FAKE(cuStreamDestroy_v2, Stream stream) {
  std::free(stream);
  return kSuccess;
}
SIMPLE(cuStreamSynchronize, Stream)
SIMPLE(cuStreamWaitEvent, Stream, Event, unsigned)
FAKE(cuEventCreate, Event *event, unsigned) {
  *event = handle<Event>();
  return kSuccess;
}
FAKE(cuEventRecord, Event, Stream) { return called("cuEventRecord"); }
SIMPLE(cuEventSynchronize, Event)
FAKE(cuEventElapsedTime, float *milliseconds, Event, Event) {
  *milliseconds = 0.5f;
  return kSuccess;
}
FAKE(cuEventDestroy_v2, Event event) {
  std::free(event);
  return kSuccess;
}
FAKE(cuModuleLoadDataEx, Module *module, const void *data, unsigned count,
     int *options, void **values) {
  int status = called("cuModuleLoadDataEx", static_cast<const char *>(data));
  if (status != kSuccess)
    for (unsigned i = 0; i < count; ++i)
      if (options[i] == kJitErrorLog)
        std::strcpy(static_cast<char *>(values[i]), "line 7: no such thing");
  *module = status == kSuccess ? handle<Module>() : nullptr;
  return status;
}
FAKE(cuModuleUnload, Module module) {
  std::free(module);
  return called("cuModuleUnload");
}
FAKE(cuModuleGetFunction, Function *function, Module, const char *name) {
  auto *named = static_cast<Named *>(std::calloc(1, sizeof(Named)));
  std::snprintf(named->name, sizeof named->name, "%s", name);
  *function = reinterpret_cast<Function>(named);
  return called("cuModuleGetFunction", name);
}
FAKE(cuFuncSetAttribute, Function, int, int value) {
  return called("cuFuncSetAttribute", std::to_string(value));
}
FAKE(cuLaunchKernel, Function function, unsigned blocks, unsigned, unsigned,
     unsigned threads, unsigned, unsigned, unsigned sharedBytes, Stream,
     void **arguments, void **) {
  captured += capturing;
  // One pointer, a size and a value: what the test's kernel takes.
  long long size = 0;
  float value = 0;
  if (std::getenv("FAKE_CUDA_ARGUMENTS")) {
    std::memcpy(&size, arguments[1], sizeof size);
    std::memcpy(&value, arguments[2], sizeof value);
  }
  char text[128];
  std::snprintf(text, sizeof text, "%s %u %u %u %lld %g",
                reinterpret_cast<Named *>(function)->name, blocks, threads,
                sharedBytes, size, static_cast<double>(value));
  return called("cuLaunchKernel", text);
}
FAKE(cuStreamBeginCapture_v2, Stream, int) {
  capturing = true;
  captured = 0;
  return called("cuStreamBeginCapture");
}
FAKE(cuStreamEndCapture, Stream, Graph *graph) {
  capturing = false;
  *graph = handle<Graph>();
  return called("cuStreamEndCapture", std::to_string(captured));
}
FAKE(cuGraphInstantiateWithFlags, GraphExec *executable, Graph,
     unsigned long long) {
  *executable = handle<GraphExec>();
  return called("cuGraphInstantiate");
}
FAKE(cuGraphDestroy, Graph graph) {
  std::free(graph);
  return kSuccess;
}
FAKE(cuGraphExecDestroy, GraphExec executable) {
  std::free(executable);
  return called("cuGraphExecDestroy");
}
SIMPLE(cuGraphLaunch, GraphExec, Stream)

//===----------------------------------------------------------------------===//
// cublasLt
//===----------------------------------------------------------------------===//

extern "C" size_t cublasLtGetVersion() {
  return std::atoi(setting("FAKE_CUBLASLT_VERSION", "130100").c_str());
}
FAKE(cublasLtCreate, Blas *blas) {
  *blas = handle<Blas>();
  return called("cublasLtCreate");
}
FAKE(cublasLtDestroy, Blas blas) {
  std::free(blas);
  return called("cublasLtDestroy");
}
FAKE(cublasLtMatmulDescCreate, MatmulDesc *description, int compute,
     int scale) {
  *description = handle<MatmulDesc>();
  return called("cublasLtMatmulDescCreate",
                std::to_string(compute) + " " + std::to_string(scale));
}
FAKE(cublasLtMatmulDescDestroy, MatmulDesc description) {
  std::free(description);
  return kSuccess;
}
FAKE(cublasLtMatmulDescSetAttribute, MatmulDesc, int attribute,
     const void *value, size_t bytes) {
  int number = 0;
  std::memcpy(&number, value, sizeof number);
  return called("cublasLtMatmulDescSetAttribute",
                std::to_string(attribute) + " " +
                    (bytes == 4 ? std::to_string(number) : "pointer"));
}
FAKE(cublasLtMatrixLayoutCreate, Layout *layout, int type, uint64_t rows,
     uint64_t columns, int64_t leading) {
  *layout = handle<Layout>();
  return called("cublasLtMatrixLayoutCreate",
                std::to_string(type) + " " + std::to_string(rows) + " " +
                    std::to_string(columns) + " " + std::to_string(leading));
}
FAKE(cublasLtMatrixLayoutDestroy, Layout layout) {
  std::free(layout);
  return kSuccess;
}
FAKE(cublasLtMatmulPreferenceCreate, Preference *preference) {
  *preference = handle<Preference>();
  return kSuccess;
}
FAKE(cublasLtMatmulPreferenceDestroy, Preference preference) {
  std::free(preference);
  return kSuccess;
}
FAKE(cublasLtMatmulPreferenceSetAttribute, Preference, int, const void *,
     size_t) {
  return kSuccess;
}
FAKE(cublasLtMatmulAlgoGetHeuristic, Blas, MatmulDesc, Layout, Layout, Layout,
     Layout, Preference, int, Heuristic *, int *count) {
  *count = 1;
  return called("cublasLtMatmulAlgoGetHeuristic");
}
FAKE(cublasLtMatmul, Blas, MatmulDesc, const void *, const void *, Layout,
     const void *, Layout, const void *beta, const void *, Layout, void *,
     Layout, const Algorithm *, void *, size_t, Stream) {
  captured += capturing;
  return called("cublasLtMatmul",
                std::to_string(*static_cast<const float *>(beta)));
}
