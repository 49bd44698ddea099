//===- RunFolder.h - SAVE_DIR -----------------------------------*- C++ -*-===//

#ifndef MIXLN_RT_TRAIN_RUNFOLDER_H
#define MIXLN_RT_TRAIN_RUNFOLDER_H

#include "checkpoint/FolderLock.h"
#include "data/Files.h"
#include "mixln-rt/program.h"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace mixln::rt {

class Tokenizer;

/// Flags with the values that hold for the run.
using ResolvedFlags = std::map<std::string, std::string>;

class RunFolder {
public:
  /// Creates the folder if need be and checks that it takes files. A folder
  /// that holds a run is an InputError unless the run is to be resumed, and
  /// one that another process trains in always.
  RunFolder(std::string path, bool resume);
  /// Takes the folder away again if this made it and nothing was written.
  ~RunFolder();
  RunFolder(const RunFolder &) = delete;
  RunFolder &operator=(const RunFolder &) = delete;

  /// The newest checkpoint that is whole, or empty. One that is not, because
  /// something outside damaged it, is passed over with a note.
  std::string newestCheckpoint() const;
  /// Keeps the newest `count` checkpoints up to `step` and removes the older
  /// ones; 0 keeps all. Those of the updates in `keep` stay.
  void prune(int64_t count, int64_t step, const std::set<int64_t> &keep) const;

  std::string metrics() const { return path + "/metrics.jsonl"; }
  std::string checkpoint(int64_t step) const {
    return path + "/model_" + std::to_string(step);
  }
  std::string file(const std::string &name) const { return path + "/" + name; }

  struct Resumption {
    int64_t step;
    std::string checkpoint;
    std::vector<std::string> changed; ///< flags
  };

  /// run.json: flags, versions, hashes, machine. A resumed run keeps what
  /// stood there and adds to its list of resumptions.
  void writeRunJson(const Program &program, const ResolvedFlags &flags,
                    const std::map<std::string, std::string> &hashes,
                    const std::vector<FileHash> &files, int threads,
                    const Resumption *resumption) const;

  /// memory.svg: the arena over a step.
  void drawMemory(const Program &program) const;
  /// The running executable as `exe`, and the tokenizer under its own name.
  void copyTools(const Tokenizer *tokenizer) const;

  const std::string &name() const { return path; }

private:
  std::string path;
  std::vector<std::string> made; ///< folders that were not there, inner first
  std::optional<FolderLock> lock;
};

/// Steps and names of a run's checkpoints, oldest first.
std::vector<std::pair<int64_t, std::string>>
checkpointsOf(const std::string &run);

/// The newest whole checkpoint of a run, or empty.
std::string newestCheckpointOf(const std::string &run);

/// An InputError when a copy of the tokenizer, which keeps its name, would
/// replace another file of a run or a checkpoint.
void checkTokenizerName(const std::string &tokenizer);

/// Path and hash of the running executable; empty where /proc is missing.
std::string executablePath();
std::string executableHash();

} // namespace mixln::rt

#endif // MIXLN_RT_TRAIN_RUNFOLDER_H
