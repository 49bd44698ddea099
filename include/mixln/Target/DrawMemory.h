//===- DrawMemory.h - A picture of a step's memory --------------*- C++ -*-===//

#ifndef MIXLN_TARGET_DRAWMEMORY_H
#define MIXLN_TARGET_DRAWMEMORY_H

#include "mixln-rt/program.h"

#include "llvm/Support/raw_ostream.h"

namespace mixln {

/// Writes an SVG: dispatches of the entry from left to right, bytes of the
/// arena from the bottom up, a box for each value.
void drawMemoryMap(const rt::Program &program, llvm::StringRef entry,
                   llvm::raw_ostream &os);

} // namespace mixln

#endif // MIXLN_TARGET_DRAWMEMORY_H
