//===- CudaApi.h - The functions of CUDA that are used ----------*- C++ -*-===//
//
// Declared here and not included from CUDA's headers: an executable must build
// on machines without them, and of two libraries a few dozen functions are
// used. The names are those that the libraries export (cuMemAlloc is
// cuMemAlloc_v2 there). test/Unit/Cuda holds every line against the headers
// where they are installed.
//
// Both libraries are opened at run time, so that an executable starts on a
// machine without a driver and can say what is missing.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_RT_DEVICE_CUDAAPI_H
#define MIXLN_RT_DEVICE_CUDAAPI_H

#include <cstddef>
#include <cstdint>
#include <string>

namespace mixln::rt::cuda {

// Handles are pointers to what nobody sees.
using Context = struct OpaqueContext *;
using Stream = struct OpaqueStream *;
using Event = struct OpaqueEvent *;
using Module = struct OpaqueModule *;
using Function = struct OpaqueFunction *;
using Graph = struct OpaqueGraph *;
using GraphExec = struct OpaqueGraphExec *;
using DevicePointer = unsigned long long;

using Blas = struct OpaqueBlas *;
using MatmulDesc = struct OpaqueMatmulDesc *;
using Layout = struct OpaqueLayout *;
using Preference = struct OpaquePreference *;
struct Algorithm {
  uint64_t data[8];
};
/// cublasLtMatmulHeuristicResult_t
struct Heuristic {
  Algorithm algorithm;
  size_t workspaceSize;
  int state;
  float waves;
  int reserved[4];
};

// Enumerators: driver
constexpr int kSuccess = 0, kOutOfMemory = 2, kNoDevice = 100,
              kNoBinaryForGpu = 209;
constexpr int kAttributeProcessors = 16, kAttributeMajor = 75,
              kAttributeMinor = 76;
constexpr int kFunctionMaxDynamicShared = 8;
constexpr int kJitErrorLog = 5, kJitErrorLogBytes = 6;
constexpr unsigned kStreamNonBlocking = 1, kEventDisableTiming = 2;
constexpr int kCaptureThreadLocal = 1;
// Enumerators: cublasLt
constexpr int kDescTransA = 3, kDescTransB = 4, kDescEpilogue = 7,
              kDescBiasPointer = 8, kDescBiasType = 26;
constexpr int kPreferenceWorkspace = 1, kPreferenceAlignmentA = 5,
              kPreferenceAlignmentB = 6, kPreferenceAlignmentC = 7,
              kPreferenceAlignmentD = 8;

// All return CUresult.
#define MIXLN_CUDA_DRIVER(X)                                                   \
  X(cuInit, (unsigned))                                                        \
  X(cuDriverGetVersion, (int *))                                               \
  X(cuGetErrorString, (int, const char **))                                    \
  X(cuDeviceGetCount, (int *))                                                 \
  X(cuDeviceGet, (int *, int))                                                 \
  X(cuDeviceGetName, (char *, int, int))                                       \
  X(cuDeviceGetAttribute, (int *, int, int))                                   \
  X(cuDevicePrimaryCtxRetain, (Context *, int))                                \
  X(cuDevicePrimaryCtxRelease_v2, (int))                                       \
  X(cuCtxSetCurrent, (Context))                                                \
  X(cuMemGetInfo_v2, (size_t *, size_t *))                                     \
  X(cuMemAlloc_v2, (DevicePointer *, size_t))                                  \
  X(cuMemFree_v2, (DevicePointer))                                             \
  X(cuMemAllocHost_v2, (void **, size_t))                                      \
  X(cuMemFreeHost, (void *))                                                   \
  X(cuMemcpyHtoDAsync_v2, (DevicePointer, const void *, size_t, Stream))       \
  X(cuMemcpyDtoHAsync_v2, (void *, DevicePointer, size_t, Stream))             \
  X(cuMemcpyDtoDAsync_v2, (DevicePointer, DevicePointer, size_t, Stream))      \
  X(cuMemsetD8Async, (DevicePointer, unsigned char, size_t, Stream))           \
  X(cuStreamCreate, (Stream *, unsigned))                                      \
  X(cuStreamDestroy_v2, (Stream))                                              \
  X(cuStreamSynchronize, (Stream))                                             \
  X(cuStreamWaitEvent, (Stream, Event, unsigned))                              \
  X(cuEventCreate, (Event *, unsigned))                                        \
  X(cuEventRecord, (Event, Stream))                                            \
  X(cuEventSynchronize, (Event))                                               \
  X(cuEventElapsedTime, (float *, Event, Event))                               \
  X(cuEventDestroy_v2, (Event))                                                \
  X(cuModuleLoadDataEx, (Module *, const void *, unsigned, int *, void **))    \
  X(cuModuleUnload, (Module))                                                  \
  X(cuModuleGetFunction, (Function *, Module, const char *))                   \
  X(cuFuncSetAttribute, (Function, int, int))                                  \
  X(cuLaunchKernel, (Function, unsigned, unsigned, unsigned, unsigned,         \
                     unsigned, unsigned, unsigned, Stream, void **, void **))  \
  X(cuStreamBeginCapture_v2, (Stream, int))                                    \
  X(cuStreamEndCapture, (Stream, Graph *))                                     \
  X(cuGraphInstantiateWithFlags, (GraphExec *, Graph, unsigned long long))     \
  X(cuGraphDestroy, (Graph))                                                   \
  X(cuGraphExecDestroy, (GraphExec))                                           \
  X(cuGraphLaunch, (GraphExec, Stream))

// All return cublasStatus_t.
#define MIXLN_CUBLASLT(X)                                                      \
  X(cublasLtCreate, (Blas *))                                                  \
  X(cublasLtDestroy, (Blas))                                                   \
  X(cublasLtMatmulDescCreate, (MatmulDesc *, int, int))                        \
  X(cublasLtMatmulDescDestroy, (MatmulDesc))                                   \
  X(cublasLtMatmulDescSetAttribute, (MatmulDesc, int, const void *, size_t))   \
  X(cublasLtMatrixLayoutCreate, (Layout *, int, uint64_t, uint64_t, int64_t))  \
  X(cublasLtMatrixLayoutDestroy, (Layout))                                     \
  X(cublasLtMatmulPreferenceCreate, (Preference *))                            \
  X(cublasLtMatmulPreferenceDestroy, (Preference))                             \
  X(cublasLtMatmulPreferenceSetAttribute,                                      \
    (Preference, int, const void *, size_t))                                   \
  X(cublasLtMatmulAlgoGetHeuristic,                                            \
    (Blas, MatmulDesc, Layout, Layout, Layout, Layout, Preference, int,        \
     Heuristic *, int *))                                                      \
  X(cublasLtMatmul,                                                            \
    (Blas, MatmulDesc, const void *, const void *, Layout, const void *,       \
     Layout, const void *, const void *, Layout, void *, Layout,               \
     const Algorithm *, void *, size_t, Stream))

#define MIXLN_CUDA_MEMBER(name, arguments) int(*name) arguments = nullptr;

/// libcuda, open and initialised.
struct Driver {
  MIXLN_CUDA_DRIVER(MIXLN_CUDA_MEMBER)
};

/// libcublasLt.
struct CublasLt {
  MIXLN_CUBLASLT(MIXLN_CUDA_MEMBER)
  size_t (*cublasLtGetVersion)() = nullptr;
};

/// Null and in `missing` why where this machine has none. Opened once a
/// process. MIXLN_LIBCUDA and MIXLN_LIBCUBLASLT name other files.
const Driver *openDriver(std::string &missing);
const CublasLt *openCublasLt(std::string &missing);

/// sm_90a, sm_80 ...: the first GPU of this machine; empty where there is none.
std::string findGpuArch();
/// Bytes that are free on it; 0 where there is none.
int64_t findFreeGpuMemory();

} // namespace mixln::rt::cuda

#endif // MIXLN_RT_DEVICE_CUDAAPI_H
