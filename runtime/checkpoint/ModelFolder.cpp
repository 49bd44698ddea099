//===- ModelFolder.cpp ----------------------------------------------------===//

#include "checkpoint/ModelFolder.h"
#include "checkpoint/OutputFile.h"
#include "checkpoint/Safetensors.h"
#include "checkpoint/WeightFiles.h"
#include "data/Files.h"
#include "data/Tokenizer.h"
#include "support/BFloat16.h"
#include "support/Errors.h"
#include "support/Json.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

using namespace mixln::rt;
namespace fs = std::filesystem;

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

static const char *typeName(ElementType type) {
  return type == ElementType::F32    ? "F32"
         : type == ElementType::BF16 ? "BF16"
                                     : "I32";
}

/// Copies a tensor of a file, in the program's type.
static void loadTensor(const WeightFiles::Weight &weight, const Tensor &tensor,
                       Device &device) {
  constexpr int64_t kChunk = int64_t(4) << 20; // numbers
  int64_t count = 1;
  for (int64_t extent : tensor.shape)
    count *= extent;
  std::vector<float> numbers;
  std::vector<uint16_t> halves;
  for (int64_t done = 0; done < count; done += kChunk) {
    int64_t part = std::min(kChunk, count - done);
    numbers.resize(part);
    WeightFiles::readFloats(weight, done, numbers.data(), part);
    if (tensor.type != ElementType::BF16) {
      device.write(tensor.offset + done * 4, numbers.data(), part * 4);
      continue;
    }
    halves.resize(part);
    std::transform(numbers.begin(), numbers.end(), halves.begin(), toBFloat16);
    device.write(tensor.offset + done * 2, halves.data(), part * 2);
  }
}

/// The files must hold all tensors of a role and no others.
static void checkRole(const WeightFiles &files, Role role, const char *what,
                      const Program &program) {
  std::set<std::string> known;
  for (const Tensor &tensor : program.tensors)
    if (tensor.role == role) {
      known.insert(tensor.name);
      files.get(tensor.name, tensor.shape);
    }
  for (auto &[name, weight] : files.weights())
    if (!known.count(name))
      badInput(weight.file->path(), ": tensor ", weight.stored->name, " ",
               shapeText(weight.stored->shape), " is not a ", what,
               " of this model (norm ", program.norm, ")");
}

static void loadRole(const std::string &path, Role role, const char *what,
                     const Program &program, Device &device) {
  WeightFiles files(path);
  checkRole(files, role, what, program);
  for (const Tensor &tensor : program.tensors)
    if (tensor.role == role)
      loadTensor(files.get(tensor.name, tensor.shape), tensor, device);
}

void mixln::rt::loadParameters(const std::string &path, const Program &program,
                               Device &device) {
  loadRole(path, Role::Parameter, "parameter", program, device);
}

void mixln::rt::checkParameters(const WeightFiles &files,
                                const Program &program) {
  checkRole(files, Role::Parameter, "parameter", program);
}

void mixln::rt::loadMoments(const std::string &folder, const Program &program,
                            Device &device) {
  loadRole(folder + "/optimizer.safetensors", Role::Moment, "moment", program,
           device);
}

void mixln::rt::checkSameModel(const std::string &folder,
                               const Program &program,
                               const std::string &advice) {
  std::string path = folder + "/config.json";
  std::string contents = readWholeFile(path, size_t(16) << 20);
  checkNesting(contents, path);
  auto stored = nlohmann::json::parse(contents, nullptr, false);
  if (!stored.is_object())
    badInput(path, " is not a JSON object");
  auto ours = nlohmann::json::parse(program.configJson, nullptr, false);
  auto namesPlacement = [](const nlohmann::json &config) {
    return config.contains("norm_type") || config.contains("norm_spec");
  };
  if (!ours.is_object() || (namesPlacement(ours) && !namesPlacement(stored)))
    return;
  auto text = [](const nlohmann::json &config, const std::string &key) {
    if (!config.contains(key))
      return std::string("none");
    std::string value = config[key].dump();
    return value.size() > 60 ? value.substr(0, 57) + "..." : value;
  };
  std::set<std::string> keys;
  for (const nlohmann::json *config : {&stored, &ours})
    for (auto &[key, value] : config->items())
      keys.insert(key);
  // What other programs write into a config without changing the model.
  for (const char *aside : {"transformers_version", "torch_dtype", "dtype",
                            "_name_or_path", "architectures", "use_cache"})
    keys.erase(aside);
  for (const std::string &key : keys)
    if (!stored.contains(key) || !ours.contains(key) ||
        stored[key] != ours[key])
      badInput(folder,
               " is a checkpoint of another model: its config.json has ", key,
               " ", text(stored, key), ", this executable ", text(ours, key),
               advice);
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

static void writeRole(const std::string &path, Role role,
                      const Program &program, const Device &device) {
  std::vector<TensorToStore> tensors;
  for (const Tensor &tensor : program.tensors)
    if (tensor.role == role)
      tensors.push_back({tensor.name, typeName(tensor.type), tensor.shape,
                         [&](int64_t offset, void *to, int64_t bytes) {
                           device.read(tensor.offset + offset, to, bytes);
                         }});
  writeSafetensors(path, tensors, {{"format", "pt"}}, /*syncName=*/false);
}

nlohmann::ordered_json mixln::rt::configFor(const Program &program) {
  auto config =
      nlohmann::ordered_json::parse(program.configJson, nullptr, false);
  if (!config.is_object())
    return nullptr;
  bool isBF16 = std::any_of(program.tensors.begin(), program.tensors.end(),
                            [](const Tensor &tensor) {
                              return tensor.role == Role::Parameter &&
                                     tensor.type == ElementType::BF16;
                            });
  config["torch_dtype"] = isBF16 ? "bfloat16" : "float32";
  // The newer name of the same, which would win.
  config.erase("dtype");
  return config;
}

static void writeContents(const std::string &folder, const Program &program,
                          const Device &device, const Tokenizer *tokenizer,
                          const std::string &trainingState) {
  auto config = configFor(program);
  auto replace = nlohmann::ordered_json::error_handler_t::replace;
  writeTextFile(folder + "/config.json",
                config.is_object() ? config.dump(2, ' ', false, replace)
                                   : program.configJson);
  writeRole(folder + "/model.safetensors", Role::Parameter, program, device);
  writeRole(folder + "/optimizer.safetensors", Role::Moment, program, device);
  writeTextFile(folder + "/training_state.json", trainingState);
  if (tokenizer)
    writeTextFile(folder + "/" +
                      fs::path(tokenizer->path()).filename().string(),
                  tokenizer->bytes());
}

std::string mixln::rt::tokenizerOf(const std::string &weights) {
  std::string found;
  std::error_code error;
  for (const auto &entry : fs::directory_iterator(weights, error))
    if (entry.path().extension() == ".model") {
      if (!found.empty())
        return "";
      found = entry.path().string();
    }
  return found;
}

static void syncParent(const std::string &path) {
  fs::path parent = fs::path(path).parent_path();
  syncFolder(parent.empty() ? "." : parent.string());
}

void mixln::rt::writeModelFolder(const std::string &path,
                                 const Program &program, const Device &device,
                                 const Tokenizer *tokenizer,
                                 const std::string &trainingState) {
  std::string temporary = path + ".tmp", old = path + ".old";
  try {
    fs::remove_all(temporary);
    fs::create_directories(temporary);
    writeContents(temporary, program, device, tokenizer, trainingState);
    syncFolder(temporary);
    fs::remove_all(old);
    if (fs::exists(path))
      fs::rename(path, old);
    fs::rename(temporary, path);
    syncParent(path);
    fs::remove_all(old);
  } catch (const std::exception &failure) {
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    if (!fs::exists(path, ignored) && fs::exists(old, ignored))
      fs::rename(old, path, ignored);
    writeFailed("cannot write checkpoint ", path, ": ", failure.what());
  }
}

std::optional<int64_t> mixln::rt::stepOfModelFolder(const std::string &name) {
  constexpr size_t kPrefix = 6; // "model_"
  constexpr size_t kMostDigits = 18;
  if (!name.starts_with("model_") || name.size() == kPrefix ||
      name.size() > kPrefix + kMostDigits ||
      name.find_first_not_of("0123456789", kPrefix) != std::string::npos)
    return std::nullopt;
  return std::stoll(name.substr(kPrefix));
}

void mixln::rt::repairModelFolders(const std::string &parent) {
  std::error_code ignored;
  std::vector<fs::path> found;
  for (const auto &entry : fs::directory_iterator(parent, ignored))
    if (stepOfModelFolder(entry.path().stem().string()) &&
        entry.is_directory(ignored))
      found.push_back(entry.path());
  for (const fs::path &path : found) {
    std::string end = path.extension().string();
    fs::path whole = path;
    whole.replace_extension();
    if (end == ".old" && !fs::exists(whole, ignored))
      fs::rename(path, whole, ignored);
    else if (end == ".old" || end == ".tmp" || end == ".removed")
      fs::remove_all(path, ignored);
  }
}

void mixln::rt::removeModelFolder(const std::string &path) {
  std::error_code error;
  std::string removed = path + ".removed";
  fs::remove_all(removed, error);
  fs::rename(path, removed, error);
  if (!error)
    fs::remove_all(removed, error);
  if (error)
    note(cat("cannot remove ", path, ": ", systemError(error.value())));
}
