//===- CudaDevice.cpp - Entries on an NVIDIA GPU --------------------------===//
//
// An entry runs once as single launches, which lets libraries load what they
// need; the second time it is captured into a graph, from then on the graph is
// launched. Nothing is allocated by then: the arena, the staging memory and
// cublasLt's workspace exist from the start.
//
// run() does not wait: read() does. What the host writes goes through memory
// that both sides see, on a stream of its own, so that the next batch travels
// while the last graph runs; only the copy into the arena waits for it.
//
//===----------------------------------------------------------------------===//

#include "device/CudaContext.h"
#include "device/Device.h"
#include "device/Recorder.h"
#include "support/Errors.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <mutex>
#include <tuple>

using namespace mixln::rt;
using namespace mixln::rt::cuda;

namespace {

/// A kernel's launch with everything looked up.
struct Launch {
  Function function = nullptr;
  unsigned blocks = 1, threads = 1, sharedBytes = 0;
};

struct Step {
  std::vector<DevicePointer> pointers;
  std::vector<int64_t> sizes;
  std::vector<float> values;
  std::vector<void *> arguments; ///< addresses of the above
  std::vector<Launch> launches;  ///< one a phase
  bool isMatmul = false;
  size_t product = 0;
};

/// Dispatches [first, last) of an entry.
using Part = std::tuple<int64_t, int64_t, int64_t>;

struct Captured {
  bool ran = false;
  GraphExec graph = nullptr;
};

/// Memory through which the host writes: while one half is on its way, the
/// other is filled.
class Staging {
public:
  Staging(GpuContext &gpu, Stream compute);
  void write(DevicePointer to, const char *from, int64_t bytes);

private:
  static constexpr int64_t kHalf = int64_t(8) << 20;
  struct Half {
    Event free = nullptr; ///< the compute stream took everything from it
    bool used = false;
  };

  GpuContext &gpu;
  Stream compute, copies;
  Event arrived;
  char *host;
  DevicePointer device;
  std::array<Half, 2> halves;
  int half = 0;
  int64_t filled = 0;
};

class CudaDevice : public Device {
public:
  CudaDevice(const Program &program, const GpuImage *images,
             int64_t imageCount);
  ~CudaDevice() override;

  bool run(int64_t entry, int64_t first, int64_t last, bool (*stop)()) override;
  void setRecorder(Recorder *to) override { recorder = to; }
  void write(int64_t offset, const void *from, int64_t bytes) override;
  void read(int64_t offset, void *to, int64_t bytes) const override;
  void zero(int64_t offset, int64_t bytes) override;

private:
  void resolve(const Dispatch &dispatch, Step &step);
  void launch(const Step &step);
  void launchAll(int64_t entry, int64_t first, int64_t last);
  void runRecorded(int64_t entry, int64_t first, int64_t last);
  GraphExec capture(int64_t entry, int64_t first, int64_t last);

  const Program &program;
  mutable GpuContext gpu;
  GpuModule module;
  std::unique_ptr<GpuMatmuls> matmuls;
  Stream stream;
  DevicePointer arena;
  Staging staging;
  /// Through which the host reads.
  static constexpr int64_t kReadBytes = int64_t(8) << 20;
  char *readBuffer;
  mutable std::mutex mutex;
  Recorder *recorder = nullptr;
  std::vector<std::vector<Step>> entries;
  std::map<Part, Captured> parts;
  std::vector<Event> times;
};

} // namespace

//===----------------------------------------------------------------------===//
// What the host writes
//===----------------------------------------------------------------------===//

Staging::Staging(GpuContext &gpu, Stream compute)
    : gpu(gpu), compute(compute), copies(gpu.makeStream()),
      arrived(gpu.makeEvent()), host(gpu.allocateHost(2 * kHalf)),
      device(gpu.allocate(2 * kHalf, "staging memory")) {
  for (Half &part : halves)
    part.free = gpu.makeEvent();
}

void Staging::write(DevicePointer to, const char *from, int64_t bytes) {
  constexpr int64_t kAlignment = 256;
  while (bytes > 0) {
    if (filled == kHalf) {
      gpu.check(gpu.api.cuEventRecord(halves[half].free, compute),
                "cuEventRecord");
      halves[half].used = true;
      half = 1 - half;
      filled = 0;
      if (halves[half].used)
        gpu.check(gpu.api.cuEventSynchronize(halves[half].free),
                  "cuEventSynchronize");
    }
    int64_t part = std::min(bytes, kHalf - filled);
    int64_t at = half * kHalf + filled;
    std::memcpy(host + at, from, part);
    gpu.check(
        gpu.api.cuMemcpyHtoDAsync_v2(device + at, host + at, part, copies),
        "cuMemcpyHtoDAsync");
    gpu.check(gpu.api.cuEventRecord(arrived, copies), "cuEventRecord");
    gpu.check(gpu.api.cuStreamWaitEvent(compute, arrived, 0),
              "cuStreamWaitEvent");
    gpu.check(gpu.api.cuMemcpyDtoDAsync_v2(to, device + at, part, compute),
              "cuMemcpyDtoDAsync");
    filled = std::min(kHalf, (filled + part + kAlignment - 1) / kAlignment *
                                 kAlignment);
    to += part;
    from += part;
    bytes -= part;
  }
}

//===----------------------------------------------------------------------===//
// The device
//===----------------------------------------------------------------------===//

CudaDevice::CudaDevice(const Program &program, const GpuImage *images,
                       int64_t imageCount)
    : program(program), module(gpu, program, images, imageCount),
      stream(gpu.makeStream()),
      arena(gpu.allocate(program.arenaBytes, "the program's arena")),
      staging(gpu, stream), readBuffer(gpu.allocateHost(kReadBytes)) {
  zero(0, program.arenaBytes);
  for (const Entry &entry : program.entries) {
    std::vector<Step> &steps = entries.emplace_back(entry.dispatches.size());
    for (size_t i = 0; i < steps.size(); ++i)
      resolve(entry.dispatches[i], steps[i]);
  }
}

CudaDevice::~CudaDevice() {
  try {
    gpu.use();
  } catch (const std::exception &) {
    return;
  }
  gpu.api.cuStreamSynchronize(stream);
  for (auto &[part, captured] : parts)
    if (captured.graph)
      gpu.api.cuGraphExecDestroy(captured.graph);
}

void CudaDevice::resolve(const Dispatch &dispatch, Step &step) {
  const Kernel &kernel = kernelOf(program, dispatch);
  for (const Operand &operand : dispatch.operands)
    step.pointers.push_back(arena + operand.offset);
  if (!kernel.library.empty()) {
    if (kernel.library != "matmul")
      runFailed("damaged program: kernel ", kernel.name, " is the library's ",
                kernel.library, ", expected matmul");
    if (!matmuls)
      matmuls = std::make_unique<GpuMatmuls>(gpu);
    step.isMatmul = true;
    step.product = matmuls->prepare(
        kernel.name, describeMatmul(kernel, dispatch), step.pointers);
    return;
  }
  if (kernel.launches.size() != kernel.phases.size())
    runFailed("damaged program: kernel ", kernel.name, " has ",
              kernel.phases.size(), " phases and ", kernel.launches.size(),
              " launches");
  step.sizes = dispatch.sizes;
  step.values = dispatch.values;
  for (DevicePointer &pointer : step.pointers)
    step.arguments.push_back(&pointer);
  for (int64_t &size : step.sizes)
    step.arguments.push_back(&size);
  for (float &value : step.values)
    step.arguments.push_back(&value);
  for (size_t i = 0; i < kernel.phases.size(); ++i) {
    const LaunchShape &shape = kernel.launches[i];
    Launch launch;
    launch.function = module.find(kernel.phases[i], shape.sharedBytes);
    launch.blocks = static_cast<unsigned>(dispatch.tasks[i]);
    launch.threads = static_cast<unsigned>(shape.threads);
    launch.sharedBytes = static_cast<unsigned>(shape.sharedBytes);
    step.launches.push_back(launch);
  }
}

void CudaDevice::launch(const Step &step) {
  if (step.isMatmul) {
    matmuls->run(step.product, stream);
    return;
  }
  for (const Launch &one : step.launches)
    gpu.check(gpu.api.cuLaunchKernel(one.function, one.blocks, 1, 1,
                                     one.threads, 1, 1, one.sharedBytes, stream,
                                     const_cast<void **>(step.arguments.data()),
                                     nullptr),
              "cuLaunchKernel");
}

void CudaDevice::launchAll(int64_t entry, int64_t first, int64_t last) {
  for (int64_t i = first; i < last; ++i)
    launch(entries[entry][i]);
}

GraphExec CudaDevice::capture(int64_t entry, int64_t first, int64_t last) {
  Graph graph = nullptr;
  gpu.check(gpu.api.cuStreamBeginCapture_v2(stream, kCaptureThreadLocal),
            "cuStreamBeginCapture");
  try {
    launchAll(entry, first, last);
  } catch (...) {
    gpu.api.cuStreamEndCapture(stream, &graph);
    if (graph)
      gpu.api.cuGraphDestroy(graph);
    throw;
  }
  gpu.check(gpu.api.cuStreamEndCapture(stream, &graph), "cuStreamEndCapture");
  GraphExec executable = nullptr;
  int status = gpu.api.cuGraphInstantiateWithFlags(&executable, graph, 0);
  gpu.api.cuGraphDestroy(graph);
  gpu.check(status, "cuGraphInstantiate");
  return executable;
}

/// Launch by launch, each between two events.
void CudaDevice::runRecorded(int64_t entry, int64_t first, int64_t last) {
  while (static_cast<int64_t>(times.size()) <= last - first)
    times.push_back(gpu.makeEvent(/*flags=*/0));
  int64_t begin = recorder->now();
  gpu.check(gpu.api.cuEventRecord(times[0], stream), "cuEventRecord");
  for (int64_t i = first; i < last; ++i) {
    launch(entries[entry][i]);
    gpu.check(gpu.api.cuEventRecord(times[i - first + 1], stream),
              "cuEventRecord");
  }
  gpu.check(gpu.api.cuStreamSynchronize(stream), "cuStreamSynchronize");
  for (int64_t i = first; i < last; ++i) {
    float milliseconds = 0;
    gpu.check(gpu.api.cuEventElapsedTime(&milliseconds, times[i - first],
                                         times[i - first + 1]),
              "cuEventElapsedTime");
    auto took = static_cast<int64_t>(milliseconds * 1e6);
    recorder->addSlice(0,
                       {static_cast<int32_t>(entry), static_cast<int32_t>(i),
                        begin, begin + took},
                       took);
    recorder->addCall(static_cast<int32_t>(entry), static_cast<int32_t>(i),
                      took);
    begin += took;
  }
}

bool CudaDevice::run(int64_t entry, int64_t first, int64_t last,
                     bool (*stop)()) {
  if (stop && stop())
    return false;
  std::lock_guard<std::mutex> lock(mutex);
  gpu.use();
  last = std::min(last, static_cast<int64_t>(entries[entry].size()));
  if (first >= last)
    return true;
  if (recorder) {
    runRecorded(entry, first, last);
    return true;
  }
  Captured &captured = parts[{entry, first, last}];
  if (!captured.ran) {
    captured.ran = true;
    launchAll(entry, first, last);
    return true;
  }
  if (!captured.graph)
    captured.graph = capture(entry, first, last);
  gpu.check(gpu.api.cuGraphLaunch(captured.graph, stream), "cuGraphLaunch");
  return true;
}

void CudaDevice::write(int64_t offset, const void *from, int64_t bytes) {
  std::lock_guard<std::mutex> lock(mutex);
  gpu.use();
  staging.write(arena + offset, static_cast<const char *>(from), bytes);
}

void CudaDevice::read(int64_t offset, void *to, int64_t bytes) const {
  std::lock_guard<std::mutex> lock(mutex);
  gpu.use();
  for (int64_t done = 0; done < bytes; done += kReadBytes) {
    int64_t part = std::min(bytes - done, kReadBytes);
    gpu.check(gpu.api.cuMemcpyDtoHAsync_v2(readBuffer, arena + offset + done,
                                           part, stream),
              "cuMemcpyDtoHAsync");
    gpu.check(gpu.api.cuStreamSynchronize(stream), "cuStreamSynchronize");
    std::memcpy(static_cast<char *>(to) + done, readBuffer, part);
  }
}

void CudaDevice::zero(int64_t offset, int64_t bytes) {
  std::lock_guard<std::mutex> lock(mutex);
  gpu.use();
  gpu.check(gpu.api.cuMemsetD8Async(arena + offset, 0, bytes, stream),
            "cuMemsetD8Async");
}

std::unique_ptr<Device> mixln::rt::makeCudaDevice(const Program &program,
                                                  const GpuImage *images,
                                                  int64_t imageCount) {
  return std::make_unique<CudaDevice>(program, images, imageCount);
}
