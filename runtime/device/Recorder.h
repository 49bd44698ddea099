//===- Recorder.h - When which worker ran which dispatch --------*- C++ -*-===//

#ifndef MIXLN_RT_DEVICE_RECORDER_H
#define MIXLN_RT_DEVICE_RECORDER_H

#include "mixln-rt/program.h"

#include <cstdint>
#include <vector>

namespace mixln::rt {

/// A worker's part of a dispatch, in nanoseconds since the recorder was made.
struct Slice {
  int32_t entry = 0;
  int32_t dispatch = 0;
  int64_t begin = 0;
  int64_t end = 0;
};

/// What a dispatch took, over all its calls.
struct DispatchTime {
  int64_t calls = 0;
  int64_t wall = 0; ///< nanoseconds of worker 0, with its wait behind it
  int64_t busy = 0; ///< nanoseconds of work, summed over workers
};

/// A device that was given one tells it what it does; sums are kept of
/// everything, slices of the end alone.
class Recorder {
public:
  Recorder(const Program &program, int workers);

  /// Nanoseconds since the recorder was made.
  int64_t now() const;

  /// A worker did its tasks of a dispatch; called by that worker.
  void addSlice(int worker, const Slice &slice, int64_t busy) {
    Worker &own = workers[worker];
    own.slices[own.count++ % kSlices] = slice;
    own.busy[firsts[slice.entry] + slice.dispatch] += busy;
  }
  /// Worker 0 is done with a dispatch and has waited for the others where they
  /// meet behind it.
  void addCall(int32_t entry, int32_t dispatch, int64_t wall) {
    DispatchTime &time = times[firsts[entry] + dispatch];
    ++time.calls;
    time.wall += wall;
  }

  /// A step of the host begins: the slices of the last kSteps are kept.
  void beginStep();
  /// Forgets the sums, as those of a step whose memory was new.
  void forgetSums();

  int numWorkers() const { return static_cast<int>(workers.size()); }
  DispatchTime time(int64_t entry, int64_t dispatch) const;
  /// In the order in which they ran.
  std::vector<Slice> slices(int worker) const;

  static constexpr int64_t kSlices = 1 << 16; ///< of each worker
  static constexpr int64_t kSteps = 3;

private:
  struct alignas(64) Worker {
    std::vector<Slice> slices; ///< slice i at i % kSlices
    int64_t count = 0;
    std::vector<int64_t> busy;        ///< of all entries' dispatches
    std::vector<int64_t> stepsBegins; ///< counts at the last steps' begins
  };

  int64_t origin;
  std::vector<int64_t> firsts; ///< where an entry's dispatches begin
  std::vector<DispatchTime> times;
  std::vector<Worker> workers;
};

} // namespace mixln::rt

#endif // MIXLN_RT_DEVICE_RECORDER_H
