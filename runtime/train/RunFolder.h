//===- RunFolder.h - SAVE_DIR -----------------------------------*- C++ -*-===//

#ifndef MIXLN_RT_TRAIN_RUNFOLDER_H
#define MIXLN_RT_TRAIN_RUNFOLDER_H

#include "mixln-rt/program.h"

#include <map>
#include <string>
#include <vector>

namespace mixln::rt {

/// Flags with the values that hold for the run.
using ResolvedFlags = std::map<std::string, std::string>;

class RunFolder {
public:
  /// Creates the folder if need be and checks that it takes files. A folder
  /// that holds a run is an InputError.
  explicit RunFolder(std::string path);

  std::string metrics() const { return path + "/metrics.jsonl"; }
  std::string checkpoint(int64_t step) const {
    return path + "/model_" + std::to_string(step);
  }
  std::string file(const std::string &name) const { return path + "/" + name; }

  /// run.json: flags, versions, hashes, machine.
  void writeRunJson(const Program &program, const ResolvedFlags &flags,
                    const std::map<std::string, std::string> &hashes,
                    int threads) const;

private:
  std::string path;
};

} // namespace mixln::rt

#endif // MIXLN_RT_TRAIN_RUNFOLDER_H
