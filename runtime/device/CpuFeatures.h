//===- CpuFeatures.h - What this CPU can do ---------------------*- C++ -*-===//

#ifndef MIXLN_RT_DEVICE_CPUFEATURES_H
#define MIXLN_RT_DEVICE_CPUFEATURES_H

#include <string>
#include <vector>

namespace mixln::rt {

/// Those of `required` (LLVM's names) that this CPU or its operating system
/// does not offer; names that the runtime does not know count as missing.
std::vector<std::string>
missingCpuFeatures(const std::vector<std::string> &required);

/// The name the CPU gives itself.
std::string cpuModelName();

} // namespace mixln::rt

#endif // MIXLN_RT_DEVICE_CPUFEATURES_H
