//===- KernelsInfo.h - info --kernels ---------------------------*- C++ -*-===//

#ifndef MIXLN_RT_CLI_KERNELSINFO_H
#define MIXLN_RT_CLI_KERNELSINFO_H

#include "cli/Commands.h"

namespace mixln::rt {

/// Prints a row for each kernel, measured in `runs` updates on random rows; 0:
/// what is known without running.
void printKernels(const Executable &executable, const DeviceChoice &device,
                  int threads, int64_t runs, bool asJson);

} // namespace mixln::rt

#endif // MIXLN_RT_CLI_KERNELSINFO_H
