//===- Presets.cpp - The norm files built into the compiler ---------------===//

#include "mixln/Frontend/Presets.h"
#include "mixln/Frontend/Json.h"

#include "llvm/ADT/STLExtras.h"

#include <map>

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

/// The model types of the presets that stand for a stock class.
static const std::map<std::string, const Preset *> &stockPresets() {
  static const auto types = [] {
    std::map<std::string, const Preset *> found;
    for (const Preset &preset : presets) {
      // Parsing all presets costs more than looking for the word.
      if (!llvm::StringRef(preset.text).contains("\"stock\""))
        continue;
      std::string error;
      mlir::FailureOr<Json> json = parseJson(preset.text, preset.name, error);
      if (failed(json) || !json->contains("stock"))
        continue;
      const Json &stock = (*json)["stock"];
      found[stock.value("model_type", "")] = &preset;
      for (const std::string &type :
           stock.value("also_read", std::vector<std::string>()))
        found[type] = &preset;
    }
    return found;
  }();
  return types;
}

const Preset *mixln::findStockPreset(llvm::StringRef modelType) {
  auto it = stockPresets().find(modelType.str());
  return it == stockPresets().end() ? nullptr : it->second;
}

std::vector<std::string> mixln::getStockModelTypes() {
  std::vector<std::string> types;
  for (const auto &[type, preset] : stockPresets())
    types.push_back(type);
  return types;
}

llvm::StringRef mixln::getBuiltinKinds() { return builtinKinds; }
