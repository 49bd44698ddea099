//===- HuggingFace.h - A folder that transformers loads ---------*- C++ -*-===//

#ifndef MIXLN_RT_EXPORT_HUGGINGFACE_H
#define MIXLN_RT_EXPORT_HUGGINGFACE_H

#include "mixln-rt/program.h"

#include <string>

namespace mixln::rt {

class Tokenizer;

struct ExportedFolder {
  std::string weights;                  ///< see WeightFiles
  const Tokenizer *tokenizer = nullptr; ///< or none
  std::string out;                      ///< to create; must not exist
};

/// Writes `out`: config.json, model.safetensors, generation_config.json and
/// the tokenizer. Where config.json names a class of transformers, that class
/// computes this model; otherwise modeling_mixln.py (Program::modeling) does,
/// through `auto_map`. The folder appears whole or not at all. Throws an
/// InputError for weights of another model, an existing `out`, and a
/// model without a Python form.
void exportHuggingFace(const ExportedFolder &folder, const Program &program);

/// Whether config.json names a class that transformers brings itself.
bool hasStockClass(const Program &program);

} // namespace mixln::rt

#endif // MIXLN_RT_EXPORT_HUGGINGFACE_H
