//===- Child.h - A process that was started ---------------------*- C++ -*-===//

#ifndef MIXLN_LIB_SWEEP_CHILD_H
#define MIXLN_LIB_SWEEP_CHILD_H

#include "mixln/Sweep/Commands.h"

#include <string>
#include <sys/types.h>

namespace mixln::sweep {

/// Starts a command whose messages are appended to `log`. It is not reached by
/// the terminal's Ctrl-C, and is told to stop when this process dies. Returns
/// -1 with `error` when it cannot be started.
pid_t start(const Command &command, const std::string &log, std::string &error);

/// The last line of a file that is not empty.
std::string lastLine(const std::string &path);

/// The signal that asked this process to stop, or 0; catchStop() first.
void catchStop();
int stopSignal();

} // namespace mixln::sweep

#endif // MIXLN_LIB_SWEEP_CHILD_H
