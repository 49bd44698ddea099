//===- ModelFolder.h - Checkpoints in Hugging Face's layout -----*- C++ -*-===//

#ifndef MIXLN_RT_CHECKPOINT_MODELFOLDER_H
#define MIXLN_RT_CHECKPOINT_MODELFOLDER_H

#include "device/Device.h"
#include "mixln-rt/program.h"

#include <string>

namespace mixln::rt {

/// Fills the program's parameters from `path`, a folder or a file (see
/// WeightFiles). Missing, extra and wrongly shaped tensors are InputErrors;
/// nothing is written before all are checked.
void loadParameters(const std::string &path, const Program &program,
                    Device &device);

/// Fills the optimizer's moments from optimizer.safetensors of a checkpoint.
void loadMoments(const std::string &folder, const Program &program,
                 Device &device);

/// An InputError that names what differs, unless the checkpoint's config.json
/// describes the model that the program computes.
void checkSameModel(const std::string &folder, const Program &program);

/// Writes config.json, model.safetensors, optimizer.safetensors, the given text
/// as training_state.json and, if given, the tokenizer into the folder `path`,
/// which appears under its name only when it is whole.
void writeModelFolder(const std::string &path, const Program &program,
                      const Device &device, const std::string &tokenizer,
                      const std::string &trainingState);

/// Puts right what a writeModelFolder() that was killed left in the folder.
void repairModelFolders(const std::string &parent);

/// Removes a checkpoint: at no time does a part of it stand under its name.
void removeModelFolder(const std::string &path);

/// The tokenizer that a checkpoint carries: its only *.model file, or empty.
std::string tokenizerOf(const std::string &folder);

} // namespace mixln::rt

#endif // MIXLN_RT_CHECKPOINT_MODELFOLDER_H
