//===- Device.h - Where a program's entries run -----------------*- C++ -*-===//

#ifndef MIXLN_RT_DEVICE_DEVICE_H
#define MIXLN_RT_DEVICE_DEVICE_H

#include "mixln-rt/program.h"

#include <cstdint>
#include <memory>

namespace mixln::rt {

class Recorder;
class ThreadPool;

/// Memory that holds a program's arena, and what runs its entries on it. The
/// host touches the arena through read and write alone.
class Device {
public:
  virtual ~Device() = default;

  /// Runs the dispatches [first, last) of an entry, in order; returns when they
  /// are done. `stop`, asked between tasks, ends it early, with the result
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

} // namespace mixln::rt

#endif // MIXLN_RT_DEVICE_DEVICE_H
