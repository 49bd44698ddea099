//===- Device.cpp - Which device a program runs on ------------------------===//

#include "device/Device.h"
#include "support/Errors.h"

using namespace mixln::rt;

const Kernel &mixln::rt::kernelOf(const Program &program,
                                  const Dispatch &dispatch) {
  if (dispatch.kernel < 0 ||
      dispatch.kernel >= static_cast<int64_t>(program.kernels.size()))
    runFailed("damaged program: dispatch of kernel ", dispatch.kernel, " of ",
              program.kernels.size());
  const Kernel &kernel = program.kernels[dispatch.kernel];
  if (kernel.library.empty() && dispatch.tasks.size() != kernel.phases.size())
    runFailed("damaged program: kernel ", kernel.name, " has ",
              kernel.phases.size(), " phases, and its dispatch ",
              dispatch.tasks.size());
  for (const Operand &operand : dispatch.operands)
    if (operand.offset < 0 || operand.bytes < 0 ||
        operand.offset > program.arenaBytes - operand.bytes)
      runFailed("damaged program: kernel ", kernel.name, " touches bytes ",
                operand.offset, " to ", operand.offset + operand.bytes,
                " of an arena of ", program.arenaBytes);
  return kernel;
}

std::unique_ptr<Device> mixln::rt::makeDevice(const Program &program,
                                              const DeviceCode &code,
                                              const DeviceChoice &choice,
                                              ThreadPool &pool) {
  std::string name = choice.name == "auto" ? program.target : choice.name;
  if (name == "emulator") {
    if (program.target != "cuda")
      badInput("--device emulator: this executable was compiled for ",
               program.target, ", the emulator runs programs of --target cuda");
    if (code.emulatedCount == 0)
      badInput("--device emulator: this executable was compiled without "
               "--emulator");
    return makeEmulatorDevice(program, code.emulated, code.emulatedCount, pool,
                              choice.emulatorSeed);
  }
  if (name != program.target)
    badInput("--device ", name, ": this executable was compiled for ",
             program.target, "; compile it with --target ", name);
  if (name == "cuda")
    return makeCudaDevice(program, code.images, code.imageCount);
  return makeCpuDevice(program, code.kernels, code.kernelCount, pool);
}
