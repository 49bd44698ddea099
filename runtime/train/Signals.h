//===- Signals.h - Being asked to stop --------------------------*- C++ -*-===//

#ifndef MIXLN_RT_TRAIN_SIGNALS_H
#define MIXLN_RT_TRAIN_SIGNALS_H

namespace mixln::rt {

/// From now on SIGTERM, SIGINT and SIGUSR1 only set a flag. A second SIGINT
/// ends the process at once.
void catchStopSignals();

bool stopRequested();

/// Name of the signal that came, or null.
const char *stopSignal();

} // namespace mixln::rt

#endif // MIXLN_RT_TRAIN_SIGNALS_H
