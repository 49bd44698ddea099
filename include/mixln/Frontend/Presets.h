//===- Presets.h - The norm files built into the compiler -------*- C++ -*-===//

#ifndef MIXLN_FRONTEND_PRESETS_H
#define MIXLN_FRONTEND_PRESETS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

namespace mixln {

/// A file of configs/norms/.
struct Preset {
  const char *name;
  const char *text;
};

/// All presets, by name.
llvm::ArrayRef<Preset> getPresets();
/// The preset of that name, or null.
const Preset *findPreset(llvm::StringRef name);
/// configs/kinds.json.
llvm::StringRef getBuiltinKinds();

} // namespace mixln

#endif // MIXLN_FRONTEND_PRESETS_H
