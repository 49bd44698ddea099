//===- ResolveFlags.h - The flags of `train` before it runs -----*- C++ -*-===//

#ifndef MIXLN_RT_CLI_RESOLVEFLAGS_H
#define MIXLN_RT_CLI_RESOLVEFLAGS_H

#include "cli/Commands.h"

#include <map>

namespace mixln::rt {

/// The flags of `train` with the values that would hold in an executable of
/// this program; no file is opened. Throws InputError; empty if help was asked
/// for and printed.
std::map<std::string, std::string>
resolveTrainFlags(const Executable &executable, const Arguments &arguments);

} // namespace mixln::rt

#endif // MIXLN_RT_CLI_RESOLVEFLAGS_H
