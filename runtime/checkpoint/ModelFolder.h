//===- ModelFolder.h - Checkpoints in Hugging Face's layout -----*- C++ -*-===//

#ifndef MIXLN_RT_CHECKPOINT_MODELFOLDER_H
#define MIXLN_RT_CHECKPOINT_MODELFOLDER_H

#include "device/Device.h"
#include "mixln-rt/program.h"

#include <string>

namespace mixln::rt {

/// Fills the program's parameters from `path`, a folder with
/// model.safetensors or such a file. Missing, extra and wrongly shaped tensors
/// are InputErrors; nothing is written before all are checked.
void loadParameters(const std::string &path, const Program &program,
                    Device &device);

/// Writes config.json, model.safetensors and, if given, the tokenizer into the
/// folder `path`, which appears under its name only when it is whole.
void writeModelFolder(const std::string &path, const Program &program,
                      const Device &device, const std::string &tokenizer);

} // namespace mixln::rt

#endif // MIXLN_RT_CHECKPOINT_MODELFOLDER_H
