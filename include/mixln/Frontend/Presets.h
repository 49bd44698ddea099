//===- Presets.h - The norm files built into the compiler -------*- C++ -*-===//

#ifndef MIXLN_FRONTEND_PRESETS_H
#define MIXLN_FRONTEND_PRESETS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <string>
#include <vector>

namespace mixln {

/// A file of configs/norms/.
struct Preset {
  const char *name;
  const char *text;
};

/// All presets, by name.
llvm::ArrayRef<Preset> getPresets();
/// The presets NAME@EDITION: what a file of configs/norms/editions/ has changed
/// in NAME, whose other keys they have.
llvm::ArrayRef<Preset> getEditionPresets();
/// The preset of that name or second name (`also_named`), with its edition
/// where there is one, or null.
const Preset *findPreset(llvm::StringRef name);
/// The preset of a config that has this model_type and names no placement
/// (`stock` of the presets says so), or null.
const Preset *findStockPreset(llvm::StringRef modelType);
/// All such model types, sorted.
std::vector<std::string> getStockModelTypes();
/// configs/kinds.json.
llvm::StringRef getBuiltinKinds();

} // namespace mixln

#endif // MIXLN_FRONTEND_PRESETS_H
