//===- Presets.cpp - The norm files built into the compiler ---------------===//

#include "mixln/Frontend/Presets.h"
#include "mixln/Frontend/Json.h"

#include "llvm/ADT/STLExtras.h"

#include <deque>
#include <map>

using namespace mixln;

static const Preset presets[] = {
#define MIXLN_PRESETS
#include "EmbeddedConfigs.inc"
#undef MIXLN_PRESETS
};

static const Preset editions[] = {
#define MIXLN_EDITIONS
#include "EmbeddedConfigs.inc"
#undef MIXLN_EDITIONS
};

static const char builtinKinds[] =
#define MIXLN_KINDS
#include "EmbeddedConfigs.inc"
#undef MIXLN_KINDS
    ;

llvm::ArrayRef<Preset> mixln::getPresets() { return presets; }

/// A file that is part of the compiler.
static Json parseOwn(const Preset &file) {
  std::string error;
  mlir::FailureOr<Json> json = parseJson(file.text, file.name, error);
  return succeeded(json) ? *json : Json::object();
}

/// Whether `also_named` of the preset has `name`.
static bool isSecondName(const Preset &preset, llvm::StringRef name) {
  // Parsing all presets costs more than looking for the words.
  if (!llvm::StringRef(preset.text).contains("\"also_named\"") ||
      !llvm::StringRef(preset.text).contains(name))
    return false;
  const Json json = parseOwn(preset);
  return llvm::is_contained(
      json.value("also_named", std::vector<std::string>()), name);
}

static const Preset *findPlain(llvm::StringRef name) {
  for (const Preset &preset : presets)
    if (name == preset.name)
      return &preset;
  for (const Preset &preset : presets)
    if (isSecondName(preset, name))
      return &preset;
  return nullptr;
}

/// `plain` with what an edition says of it, and of all its presets.
static Json merge(Json plain, const Json &edition, const Json &own) {
  // A stock class is that of the plain preset.
  plain.erase("stock");
  plain.erase("also_named");
  for (const auto &[key, value] : own.items())
    plain[key] = value;
  for (const char *list : {"differences", "not_reproduced"}) {
    Json all = own.value(list, Json::array());
    for (const Json &line : edition.value(list, Json::array()))
      all.push_back(line);
    plain[list] = all;
  }
  plain["flags"] = edition.value("flags", Json::object());
  return plain;
}

llvm::ArrayRef<Preset> mixln::getEditionPresets() {
  static std::deque<std::string> texts;
  static const std::vector<Preset> made = [] {
    std::vector<Preset> made;
    auto keep = [](std::string text) {
      return texts.emplace_back(std::move(text)).c_str();
    };
    for (const Preset &file : editions) {
      const Json edition = parseOwn(file);
      const Json &of = edition.at("presets");
      for (const auto &[name, own] : of.items())
        if (const Preset *plain = findPlain(name))
          made.push_back({keep(name + "@" + file.name),
                          keep(merge(parseOwn(*plain), edition, own).dump())});
    }
    return made;
  }();
  return made;
}

const Preset *mixln::findPreset(llvm::StringRef name) {
  auto [base, edition] = name.split('@');
  const Preset *plain = findPlain(base);
  if (!plain || base.size() == name.size())
    return plain;
  std::string whole = plain->name + ("@" + edition).str();
  for (const Preset &preset : getEditionPresets())
    if (whole == preset.name)
      return &preset;
  return nullptr;
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
