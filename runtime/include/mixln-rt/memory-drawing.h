//===- memory-drawing.h - A picture of a step's memory ----------*- C++ -*-===//

#ifndef MIXLN_RT_MEMORY_DRAWING_H
#define MIXLN_RT_MEMORY_DRAWING_H

#include "mixln-rt/program.h"

#include <string>

namespace mixln::rt {

/// An SVG of the entry `gradient`: dispatches from left to right, bytes of the
/// arena from the bottom up, a box for each value. Empty for a program without
/// that entry.
std::string drawMemory(const Program &program);

} // namespace mixln::rt

#endif // MIXLN_RT_MEMORY_DRAWING_H
