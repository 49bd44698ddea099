//===- OwnRun.h - The run folder that an executable lies in -----*- C++ -*-===//

#ifndef MIXLN_RT_CLI_OWNRUN_H
#define MIXLN_RT_CLI_OWNRUN_H

#include "cli/Commands.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace mixln::rt {

/// What runs/x/exe finds beside itself, and what --rerun runs/x repeats.
struct OwnRun {
  std::string folder;
  std::string directory; ///< in which the run was started
  std::map<std::string, std::string> flags;
  std::map<std::string, std::string> hashes;
  /// "lr was 0.1, is 0.05" of every resumption that changed a flag.
  std::vector<std::string> changed;

  /// A flag of the run, or empty.
  std::string flag(const std::string &name) const;
  /// A flag that names files, as seen from anywhere.
  std::string path(const std::string &name) const;
  /// The folder's own copy of the tokenizer, or empty.
  std::string tokenizer() const;
};

/// The run in a folder; an InputError where it has no run.json.
OwnRun readRun(const std::string &folder);

/// The folder of the executable, if it holds a run.json.
std::optional<OwnRun> findOwnRun(const Executable &executable);

} // namespace mixln::rt

#endif // MIXLN_RT_CLI_OWNRUN_H
