//===- PrintPlan.h - A program as a table to read ---------------*- C++ -*-===//

#ifndef MIXLN_TARGET_PRINTPLAN_H
#define MIXLN_TARGET_PRINTPLAN_H

#include "mixln-rt/program.h"

#include "llvm/Support/raw_ostream.h"

namespace mixln {

/// Prints what lies in the arena by role, the kernels with their numbers of
/// uses, and the dispatches of every entry with offsets, tasks, FLOPs and
/// bytes.
void printPlan(const rt::Program &program, llvm::raw_ostream &os);

} // namespace mixln

#endif // MIXLN_TARGET_PRINTPLAN_H
