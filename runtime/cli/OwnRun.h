//===- OwnRun.h - The run folder that an executable lies in -----*- C++ -*-===//

#ifndef MIXLN_RT_CLI_OWNRUN_H
#define MIXLN_RT_CLI_OWNRUN_H

#include "cli/Commands.h"

#include <map>
#include <optional>
#include <string>

namespace mixln::rt {

/// What runs/x/exe finds beside itself.
struct OwnRun {
  std::string folder;
  std::string directory; ///< in which the run was started
  std::map<std::string, std::string> flags;

  /// A flag of the run, or empty.
  std::string flag(const std::string &name) const;
  /// A flag that names files, as seen from anywhere.
  std::string path(const std::string &name) const;
  /// The folder's own copy of the tokenizer, or empty.
  std::string tokenizer() const;
};

/// The folder of the executable, if it holds a run.json.
std::optional<OwnRun> findOwnRun(const Executable &executable);

} // namespace mixln::rt

#endif // MIXLN_RT_CLI_OWNRUN_H
