//===- Recorder.cpp -------------------------------------------------------===//

#include "device/Recorder.h"

#include <algorithm>
#include <chrono>

using namespace mixln::rt;

static int64_t nanoseconds() {
  return std::chrono::nanoseconds(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

Recorder::Recorder(const Program &program, int workers)
    : origin(nanoseconds()), workers(workers) {
  int64_t dispatches = 0;
  for (const Entry &entry : program.entries) {
    firsts.push_back(dispatches);
    dispatches += static_cast<int64_t>(entry.dispatches.size());
  }
  times.resize(dispatches);
  for (Worker &worker : this->workers) {
    worker.slices.resize(kSlices);
    worker.busy.resize(dispatches);
  }
}

int64_t Recorder::now() const { return nanoseconds() - origin; }

void Recorder::beginStep() {
  for (Worker &worker : workers) {
    std::vector<int64_t> &begins = worker.stepsBegins;
    if (static_cast<int64_t>(begins.size()) == kSteps)
      begins.erase(begins.begin());
    begins.push_back(worker.count);
  }
}

void Recorder::forgetSums() {
  std::fill(times.begin(), times.end(), DispatchTime());
  for (Worker &worker : workers)
    std::fill(worker.busy.begin(), worker.busy.end(), 0);
}

DispatchTime Recorder::time(int64_t entry, int64_t dispatch) const {
  DispatchTime time = times[firsts[entry] + dispatch];
  for (const Worker &worker : workers)
    time.busy += worker.busy[firsts[entry] + dispatch];
  return time;
}

std::vector<Slice> Recorder::slices(int worker) const {
  const Worker &own = workers[worker];
  int64_t first = own.stepsBegins.empty() ? 0 : own.stepsBegins.front();
  first = std::max(first, own.count - kSlices);
  std::vector<Slice> kept;
  for (int64_t i = first; i < own.count; ++i)
    kept.push_back(own.slices[i % kSlices]);
  return kept;
}
