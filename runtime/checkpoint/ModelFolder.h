//===- ModelFolder.h - Checkpoints in Hugging Face's layout -----*- C++ -*-===//

#ifndef MIXLN_RT_CHECKPOINT_MODELFOLDER_H
#define MIXLN_RT_CHECKPOINT_MODELFOLDER_H

#include "device/Device.h"
#include "mixln-rt/program.h"

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

namespace mixln::rt {

class Tokenizer;
class WeightFiles;

/// Fills the program's parameters from `path`, a folder or a file (see
/// WeightFiles). Missing, extra and wrongly shaped tensors are InputErrors;
/// nothing is written before all are checked.
void loadParameters(const std::string &path, const Program &program,
                    Device &device);

/// An InputError unless the files hold the program's parameters and no other
/// tensors.
void checkParameters(const WeightFiles &files, const Program &program);

/// Fills the optimizer's moments from optimizer.safetensors of a checkpoint.
void loadMoments(const std::string &folder, const Program &program,
                 Device &device);

/// An InputError that names what differs and ends with `advice`, unless the
/// config.json of the checkpoint describes the model that the program computes.
/// The config of another program, which names no placement, is not compared.
void checkSameModel(const std::string &folder, const Program &program,
                    const std::string &advice);

/// The model's config with the type of the weights that the program writes; no
/// object where the program carries none.
nlohmann::ordered_json configFor(const Program &program);

/// Writes config.json, model.safetensors, optimizer.safetensors, the given text
/// as training_state.json and, if given, the tokenizer into the folder `path`,
/// which appears under its name only when it is whole.
void writeModelFolder(const std::string &path, const Program &program,
                      const Device &device, const Tokenizer *tokenizer,
                      const std::string &trainingState);

/// The step in the name of a checkpoint, model_STEP; nothing for other names.
std::optional<int64_t> stepOfModelFolder(const std::string &name);

/// Puts right what a writeModelFolder() that was killed left in the folder; all
/// else is left alone.
void repairModelFolders(const std::string &parent);

/// Removes a checkpoint: at no time does a part of it stand under its name.
void removeModelFolder(const std::string &path);

/// The tokenizer that a checkpoint carries: its only *.model file, or empty.
std::string tokenizerOf(const std::string &folder);

} // namespace mixln::rt

#endif // MIXLN_RT_CHECKPOINT_MODELFOLDER_H
