//===- Presets.cpp - The norm files built into the compiler ---------------===//

#include "mixln/Frontend/Presets.h"

#include "llvm/ADT/STLExtras.h"

using namespace mixln;

static const Preset presets[] = {
#define MIXLN_PRESETS
#include "EmbeddedConfigs.inc"
#undef MIXLN_PRESETS
};

static const char builtinKinds[] =
#define MIXLN_KINDS
#include "EmbeddedConfigs.inc"
#undef MIXLN_KINDS
    ;

llvm::ArrayRef<Preset> mixln::getPresets() { return presets; }

const Preset *mixln::findPreset(llvm::StringRef name) {
  const auto *it = llvm::find_if(
      presets, [&](const Preset &preset) { return name == preset.name; });
  return it == std::end(presets) ? nullptr : it;
}

llvm::StringRef mixln::getBuiltinKinds() { return builtinKinds; }
