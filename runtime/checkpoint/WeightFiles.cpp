//===- WeightFiles.cpp ----------------------------------------------------===//

#include "checkpoint/WeightFiles.h"

#include "data/Files.h"
#include "support/BFloat16.h"
#include "support/Errors.h"
#include "support/Float16.h"
#include "support/Json.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

using namespace mixln::rt;
namespace fs = std::filesystem;

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

/// The parts that an index lists; names in it lead nowhere but into the folder.
static std::vector<std::string> partsOf(const std::string &folder,
                                        const std::string &index) {
  std::string text = readWholeFile(index, size_t(64) << 20);
  checkNesting(text, index);
  auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("weight_map") ||
      !json["weight_map"].is_object())
    badInput(index, " has no weight_map: expected the index of a checkpoint in "
                    "parts");
  std::set<std::string> parts;
  for (auto &[tensor, part] : json["weight_map"].items()) {
    std::string name = part.is_string() ? part.get<std::string>() : "";
    if (name.empty() || fs::path(name).filename().string() != name ||
        !name.ends_with(".safetensors"))
      badInput(index, ": weight_map has ", part.dump(), " for ", tensor,
               ", expected the name of a .safetensors file beside it");
    parts.insert(folder + "/" + name);
  }
  return {parts.begin(), parts.end()};
}

std::vector<std::string> mixln::rt::weightFiles(const std::string &path) {
  std::error_code error;
  if (!fs::exists(path, error))
    badInput("no weights at ", path, ": no such file or folder");
  if (!fs::is_directory(path, error))
    return {path};
  std::string file = path + "/model.safetensors";
  if (fs::exists(file, error))
    return {file};
  std::string index = file + ".index.json";
  if (fs::exists(index, error))
    return partsOf(path, index);
  bool isPickle = fs::exists(path + "/pytorch_model.bin", error);
  badInput("folder ", path, " has no model.safetensors",
           isPickle ? "; pytorch_model.bin is a program of Python's, which is "
                      "not run: save it with safetensors"
                    : "");
}

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

/// What other programs call a parameter, by the end of its name: the learned
/// factors of `scale_res_pre_norm` in the public Mix-LN code.
static constexpr std::pair<std::string_view, std::string_view> aliases[] = {
    {".raw_scaling_factor_attn", ".self_attn_residual_scale"},
    {".raw_scaling_factor_mlp", ".mlp_residual_scale"}};

/// What older programs store beside parameters, though it follows from the
/// config.
static constexpr std::string_view computed[] = {".rotary_emb.inv_freq"};

static std::string ownName(std::string name) {
  for (auto [other, own] : aliases)
    if (name.ends_with(other))
      return name.substr(0, name.size() - other.size()) + std::string(own);
  return name;
}

static bool isComputed(const std::string &name) {
  return std::any_of(std::begin(computed), std::end(computed),
                     [&](auto end) { return name.ends_with(end); });
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

WeightFiles::WeightFiles(const std::string &path) : where(path) {
  std::vector<std::string> names = weightFiles(path);
  if (names.size() == 1)
    where = names.front();
  for (const std::string &name : names) {
    const SafetensorsFile &file =
        *files.emplace_back(std::make_unique<SafetensorsFile>(name));
    for (auto &[stored, tensor] : file.tensors()) {
      if (isComputed(stored))
        continue;
      auto [known, isNew] = table.insert({ownName(stored), {&file, &tensor}});
      if (!isNew)
        badInput(file.path(), ": tensor ", stored, " is there twice, as ",
                 known->second.stored->name, " in ", known->second.file->path(),
                 " too");
    }
  }
}

/// A single number has the shape [1] here and none elsewhere.
static bool isSameShape(const std::vector<int64_t> &found,
                        const std::vector<int64_t> &expected) {
  return found == expected ||
         (found.empty() && expected == std::vector<int64_t>{1});
}

const WeightFiles::Weight &
WeightFiles::get(const std::string &name,
                 const std::vector<int64_t> &shape) const {
  auto found = table.find(name);
  if (found == table.end())
    badInput(where, " has no tensor ", name);
  const StoredTensor &stored = *found->second.stored;
  const std::string &file = found->second.file->path();
  if (stored.dtype != "F32" && stored.dtype != "BF16" && stored.dtype != "F16")
    badInput(file, ": tensor ", stored.name, " has dtype ", stored.dtype,
             ", expected F32, BF16 or F16");
  if (!isSameShape(stored.shape, shape))
    badInput(file, ": tensor ", stored.name, " has shape ",
             shapeText(stored.shape), ", expected ", shapeText(shape));
  return found->second;
}

void WeightFiles::readFloats(const Weight &weight, int64_t first, float *to,
                             int64_t count) {
  const std::string &dtype = weight.stored->dtype;
  if (dtype == "F32")
    return weight.file->read(*weight.stored, first * 4, to, count * 4);
  std::vector<uint16_t> halves(count);
  weight.file->read(*weight.stored, first * 2, halves.data(), count * 2);
  std::transform(halves.begin(), halves.end(), to,
                 dtype == "F16" ? fromFloat16 : fromBFloat16);
}
