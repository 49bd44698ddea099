//===- Commands.h - What an executable can be told --------------*- C++ -*-===//

#ifndef MIXLN_RT_CLI_COMMANDS_H
#define MIXLN_RT_CLI_COMMANDS_H

#include "device/Device.h"
#include "mixln-rt/program.h"

#include <string>
#include <vector>

namespace mixln::rt {

/// An executable's own parts.
struct Executable {
  const Program &program;
  const KernelFunction *kernels;
  int64_t kernelCount;
  std::string name; ///< as it was started
  // Of programs for GPUs.
  const EmulatedPhase *emulated = nullptr;
  int64_t emulatedCount = 0;
  const GpuImage *images = nullptr;
  int64_t imageCount = 0;

  DeviceCode code() const {
    return {kernels, kernelCount, emulated, emulatedCount, images, imageCount};
  }
};

using Arguments = std::vector<std::string>;

/// An InputError if this CPU lacks what the program was compiled for.
void checkCpu(const Program &program);

/// Runs a command line (without the executable's name) and returns an
/// ExitStatus; messages go to standard error.
int runExecutable(const Executable &executable, const Arguments &arguments);

int trainCommand(const Executable &executable, const Arguments &arguments);
int evalCommand(const Executable &executable, const Arguments &arguments);
int replayCommand(const Executable &executable, const Arguments &arguments);
int layersCommand(const Executable &executable, const Arguments &arguments);
int batchesCommand(const Executable &executable, const Arguments &arguments);
int infoCommand(const Executable &executable, const Arguments &arguments);
int generateCommand(const Executable &executable, const Arguments &arguments);
int removeLayerCommand(const Executable &executable,
                       const Arguments &arguments);
int exportCommand(const Executable &executable, const Arguments &arguments);

} // namespace mixln::rt

#endif // MIXLN_RT_CLI_COMMANDS_H
