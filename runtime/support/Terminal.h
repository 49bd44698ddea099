//===- Terminal.h - Standard output and standard error ----------*- C++ -*-===//

#ifndef MIXLN_RT_SUPPORT_TERMINAL_H
#define MIXLN_RT_SUPPORT_TERMINAL_H

namespace mixln::rt {

/// Columns of the terminal that a descriptor leads to; 80 where it leads to
/// none, or to one that does not say.
int terminalColumns(int descriptor);

/// Writes out what was printed to standard output; a WriteError where any of
/// it did not arrive.
void finishStandardOutput();

} // namespace mixln::rt

#endif // MIXLN_RT_SUPPORT_TERMINAL_H
