//===- UpdateProfiler.h - Profiles a run's updates --------------*- C++ -*-===//

#ifndef MIXLN_RT_TRAIN_UPDATEPROFILER_H
#define MIXLN_RT_TRAIN_UPDATEPROFILER_H

#include "profile/Profile.h"
#include "train/Model.h"

#include <chrono>
#include <string>

namespace mixln::rt {

/// Records what a model's device does between beginUpdate and endUpdate. The
/// first update is left out of the sums if others follow: it touches memory
/// for the first time.
class UpdateProfiler {
public:
  explicit UpdateProfiler(Model &model);
  ~UpdateProfiler();
  UpdateProfiler(const UpdateProfiler &) = delete;
  UpdateProfiler &operator=(const UpdateProfiler &) = delete;

  void beginUpdate();
  void endUpdate();

  /// Measures the ceilings where none are recorded, which takes a moment.
  Profile profile();
  /// profile.json and trace.json; returns the table.
  std::string write(const std::string &folder);

  const Recorder &sums() const { return recorder; }

private:
  Model &model;
  Recorder recorder;
  /// Read at the beginning: a file of them that is bad ends no run of hours.
  KnownCeilings recorded;
  std::chrono::steady_clock::time_point begin;
  int64_t updates = 0;
  double seconds = 0;
};

} // namespace mixln::rt

#endif // MIXLN_RT_TRAIN_UPDATEPROFILER_H
