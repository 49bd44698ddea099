//===- Device.h - Where a program's entries run -----------------*- C++ -*-===//

#ifndef MIXLN_RT_DEVICE_DEVICE_H
#define MIXLN_RT_DEVICE_DEVICE_H

#include "mixln-rt/emulator.h"
#include "mixln-rt/program.h"

#include <cstdint>
#include <memory>
#include <string>

namespace mixln::rt {

class Recorder;
class ThreadPool;

/// Memory that holds a program's arena, and what runs its entries on it. The
/// host touches the arena through read and write alone.
class Device {
public:
  virtual ~Device() = default;

  /// Runs the dispatches [first, last) of an entry, in order; read() sees what
  /// they did. `stop`, asked between tasks, ends it early, with the result
  /// false and the arena in no state to go on from.
  virtual bool run(int64_t entry, int64_t first = 0,
                   int64_t last = kAllDispatches, bool (*stop)() = nullptr) = 0;
  static constexpr int64_t kAllDispatches = INT64_MAX;

  /// Tells `recorder` from now on what run() does; null: nobody.
  virtual void setRecorder(Recorder *recorder) = 0;

  virtual void write(int64_t offset, const void *from, int64_t bytes) = 0;
  virtual void read(int64_t offset, void *to, int64_t bytes) const = 0;
  virtual void zero(int64_t offset, int64_t bytes) = 0;
};

/// A device on this machine's CPUs. `kernels` has `kernelCount` functions, in
/// the order of Program::kernels. Program and pool must outlive the device.
/// Throws RunError when the program names memory or functions that do not
/// exist.
std::unique_ptr<Device> makeCpuDevice(const Program &program,
                                      const KernelFunction *kernels,
                                      int64_t kernelCount, ThreadPool &pool);

/// A GPU program's kernels as code of this CPU, one thread at a time: for
/// checks. `phases` has `phaseCount` of them, in the order of Program::kernels;
/// `seed` chooses the order in which threads go on. run() throws RunError where
/// a kernel does what a GPU would not forgive.
std::unique_ptr<Device> makeEmulatorDevice(const Program &program,
                                           const EmulatedPhase *phases,
                                           int64_t phaseCount, ThreadPool &pool,
                                           uint64_t seed);

/// On the first NVIDIA GPU. run() does not wait for it, read() does. An
/// InputError where driver, GPU or code for it are missing.
std::unique_ptr<Device> makeCudaDevice(const Program &program,
                                       const GpuImage *images,
                                       int64_t imageCount);

/// The kernel of a dispatch; a RunError where the program is damaged: no such
/// kernel, tasks for other phases than it has, operands outside the arena.
const Kernel &kernelOf(const Program &program, const Dispatch &dispatch);

//===----------------------------------------------------------------------===//
// Which one
//===----------------------------------------------------------------------===//

/// The code that was compiled into an executable, in every form.
struct DeviceCode {
  const KernelFunction *kernels = nullptr;
  int64_t kernelCount = 0;
  const EmulatedPhase *emulated = nullptr;
  int64_t emulatedCount = 0;
  const GpuImage *images = nullptr;
  int64_t imageCount = 0;
};

/// --device and what belongs to it.
struct DeviceChoice {
  std::string name = "auto"; ///< auto, cpu, cuda or emulator
  uint64_t emulatorSeed = 1;
};

/// The device of that name for the program. `auto` is what it was compiled for
/// and never the emulator, which is right but slow. An InputError where the
/// program has no code for the device.
std::unique_ptr<Device> makeDevice(const Program &program,
                                   const DeviceCode &code,
                                   const DeviceChoice &choice,
                                   ThreadPool &pool);

} // namespace mixln::rt

#endif // MIXLN_RT_DEVICE_DEVICE_H
