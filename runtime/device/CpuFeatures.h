//===- CpuFeatures.h - What this CPU can do ---------------------*- C++ -*-===//

#ifndef MIXLN_RT_DEVICE_CPUFEATURES_H
#define MIXLN_RT_DEVICE_CPUFEATURES_H

#include "mixln-rt/program.h"

#include <string>
#include <vector>

namespace mixln::rt {

/// Those of `required` (LLVM's names) that this CPU or its operating system
/// does not offer; names that the runtime does not know count as missing.
std::vector<std::string>
missingCpuFeatures(const std::vector<std::string> &required);

/// Whether the program multiplies bf16 numbers, and in the CPU's dot products.
bool usesDotProducts(const Program &program);

/// The name the CPU gives itself.
std::string cpuModelName();

} // namespace mixln::rt

#endif // MIXLN_RT_DEVICE_CPUFEATURES_H
