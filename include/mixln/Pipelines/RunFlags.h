//===- RunFlags.h - The flags of a run before it is compiled ----*- C++ -*-===//

#ifndef MIXLN_PIPELINES_RUNFLAGS_H
#define MIXLN_PIPELINES_RUNFLAGS_H

#include "mixln/Pipelines/Compile.h"

#include "llvm/ADT/ArrayRef.h"

#include <string>

namespace mixln {

/// The flags that fix the executable (`given`, as on the command line, already
/// in `options`) and those of `train` (`arguments`) with the values that would
/// hold, as JSON. Config, placement and measurements are read and checked;
/// nothing is compiled. Says in `error` what is wrong with one of them.
std::string describeRun(llvm::ArrayRef<std::string> given,
                        llvm::ArrayRef<std::string> arguments,
                        const CompileOptions &options, std::string &error);

} // namespace mixln

#endif // MIXLN_PIPELINES_RUNFLAGS_H
