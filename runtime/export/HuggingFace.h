//===- HuggingFace.h - A folder that transformers loads ---------*- C++ -*-===//

#ifndef MIXLN_RT_EXPORT_HUGGINGFACE_H
#define MIXLN_RT_EXPORT_HUGGINGFACE_H

#include "mixln-rt/program.h"

#include <string>

namespace mixln::rt {

struct ExportedFolder {
  std::string weights;   ///< a checkpoint of this program's model
  std::string tokenizer; ///< a sentencepiece model, or empty
  std::string out;       ///< the folder to create; must not exist
};

/// Writes `out`: config.json, model.safetensors, generation_config.json and
/// the tokenizer. Where config.json names a class of transformers, that class
/// computes this model; otherwise modeling_mixln.py (Program::modeling) does,
/// through `auto_map`. The folder appears whole or not at all. Throws an
/// InputError for a checkpoint of another model, an existing `out`, and a
/// model without a Python form.
void exportHuggingFace(const ExportedFolder &folder, const Program &program);

/// Whether config.json names a class that transformers brings itself.
bool hasStockClass(const Program &program);

} // namespace mixln::rt

#endif // MIXLN_RT_EXPORT_HUGGINGFACE_H
