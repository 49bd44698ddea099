//===- ToyRun.h - A run of the toy model in its own folder ------*- C++ -*-===//

#ifndef MIXLN_TEST_RUNTIME_TOYRUN_H
#define MIXLN_TEST_RUNTIME_TOYRUN_H

#include "TestFiles.h"

#include <nlohmann/json.hpp>
#include <sys/types.h>

namespace mixln::rt {

struct ToyRun {
  TestFolder folder;
  std::vector<std::string> flags;

  ToyRun();
  CommandResult train(const std::vector<std::string> &more = {}) const;
  /// Starts `train` of the linked executable; its messages go to `log`.
  pid_t start(const std::vector<std::string> &more = {}) const;
  /// Waits until a file or folder of the run is there, a minute at most.
  bool appears(const std::string &name) const;
  /// Waits; the exit status, or minus the signal that ended it.
  static int wait(pid_t child);

  std::vector<nlohmann::json> metrics(const std::string &run = "run") const;
  /// The metrics without what a clock says.
  std::string timelessMetrics(const std::string &run = "run") const;
  std::string model(int64_t step, const std::string &run = "run") const;
  std::string log() const { return readText(folder / "log"); }
};

} // namespace mixln::rt

#endif // MIXLN_TEST_RUNTIME_TOYRUN_H
