//===- RunDrawing.h - The memory map of a run -------------------*- C++ -*-===//

#ifndef MIXLN_PIPELINES_RUNDRAWING_H
#define MIXLN_PIPELINES_RUNDRAWING_H

#include "mixln/Pipelines/CompileFlags.h"

#include "llvm/ADT/ArrayRef.h"

#include <string>

namespace mixln {

/// Puts memory.svg, drawn from the plan inside `executable`, into the folder
/// of the run that `arguments` (the executable's, out of those `given` on the
/// command line) begin or resume. What is wrong with flags or
/// files the executable will say, before it writes anything: so this says
/// nothing, and writes nothing where it will.
void drawMemoryOfRun(const std::string &executable,
                     llvm::ArrayRef<std::string> given,
                     llvm::ArrayRef<std::string> arguments,
                     const CompileOptions &options);

} // namespace mixln

#endif // MIXLN_PIPELINES_RUNDRAWING_H
