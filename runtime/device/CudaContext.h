//===- CudaContext.h - One GPU and what is loaded on it ---------*- C++ -*-===//

#ifndef MIXLN_RT_DEVICE_CUDACONTEXT_H
#define MIXLN_RT_DEVICE_CUDACONTEXT_H

#include "device/CudaApi.h"
#include "device/LibraryMatmul.h"
#include "mixln-rt/program.h"

#include <map>
#include <string>
#include <vector>

namespace mixln::rt::cuda {

/// The first GPU that the driver shows (CUDA_VISIBLE_DEVICES chooses others).
/// Everything it made is freed with it.
class GpuContext {
public:
  /// An InputError where there is no driver or no GPU.
  GpuContext();
  ~GpuContext();
  GpuContext(const GpuContext &) = delete;
  GpuContext &operator=(const GpuContext &) = delete;

  /// A RunError that names the call, where `status` is not success.
  void check(int status, const char *call) const;
  /// For the calling thread.
  void use() const { check(api.cuCtxSetCurrent(context), "cuCtxSetCurrent"); }

  DevicePointer allocate(int64_t bytes, const char *what);
  char *allocateHost(int64_t bytes);
  Stream makeStream();
  Event makeEvent(unsigned flags = kEventDisableTiming);

  int capability() const { return 10 * major + minor; }
  const std::string &name() const { return theName; }

  const Driver &api;

private:
  Context context = nullptr;
  int device = 0, major = 0, minor = 0;
  std::string theName;
  std::vector<DevicePointer> memory;
  std::vector<void *> hostMemory;
  std::vector<Stream> streams;
  std::vector<Event> events;
};

/// A program's kernels on a GPU: a cubin for it where there is one, else PTX
/// that the driver compiles.
class GpuModule {
public:
  GpuModule(GpuContext &gpu, const Program &program, const GpuImage *images,
            int64_t imageCount);
  ~GpuModule();
  GpuModule(const GpuModule &) = delete;
  GpuModule &operator=(const GpuModule &) = delete;

  /// Ready for blocks with that much dynamic shared memory.
  Function find(const std::string &symbol, int64_t sharedBytes);

private:
  GpuContext &gpu;
  Module module = nullptr;
};

/// Products by cublasLt, their algorithms chosen before the first one runs.
class GpuMatmuls {
public:
  explicit GpuMatmuls(GpuContext &gpu);
  ~GpuMatmuls();
  GpuMatmuls(const GpuMatmuls &) = delete;
  GpuMatmuls &operator=(const GpuMatmuls &) = delete;

  /// Returns a number for run(). Equal products share their algorithm.
  size_t prepare(const std::string &kernel, const LibraryCall &call,
                 const std::vector<DevicePointer> &pointers);
  void run(size_t product, Stream stream) const;

private:
  /// What depends on shapes alone, and on a bias's address.
  struct Plan {
    MatmulDesc description = nullptr;
    Layout first = nullptr, second = nullptr, result = nullptr;
    Algorithm algorithm;
  };
  struct Product {
    size_t plan;
    DevicePointer first, second, addend, result;
    float beta;
  };
  void check(int status, const std::string &what) const;
  size_t makePlan(const std::string &kernel, const LibraryCall &call,
                  const std::vector<DevicePointer> &pointers);

  const CublasLt &api;
  Blas handle = nullptr;
  DevicePointer workspace = 0;
  std::vector<Plan> plans;
  std::vector<Product> products;
  std::map<std::string, size_t> planOf;
};

} // namespace mixln::rt::cuda

#endif // MIXLN_RT_DEVICE_CUDACONTEXT_H
