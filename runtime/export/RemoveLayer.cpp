//===- RemoveLayer.cpp ----------------------------------------------------===//

#include "export/RemoveLayer.h"

#include "checkpoint/ModelFolder.h"
#include "checkpoint/OutputFile.h"
#include "checkpoint/WeightFiles.h"
#include "data/Files.h"
#include "support/Errors.h"
#include "support/Json.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <nlohmann/json.hpp>

using namespace mixln::rt;
using nlohmann::ordered_json;
namespace fs = std::filesystem;

/// The number of the trained model's layer that is now layer `layer`.
static int64_t trainedLayer(const std::vector<int64_t> &removed,
                            int64_t layer) {
  for (int64_t other : removed)
    layer += other <= layer;
  return layer;
}

static ordered_json shortened(const std::string &weights, int64_t layer) {
  std::string path = weights + "/config.json";
  std::string contents = readWholeFile(path, size_t(1) << 20);
  checkNesting(contents, path);
  auto config = ordered_json::parse(contents, nullptr, false);
  if (!config.is_object() || !config.contains("num_hidden_layers") ||
      !config["num_hidden_layers"].is_number_integer())
    badInput(path, ": num_hidden_layers is missing; expected the config of a "
                   "model");
  auto layers = config["num_hidden_layers"].get<int64_t>();
  if (layer < 0 || layer >= layers)
    badInput("--layer ", layer, ": ", weights, " has layers 0 to ", layers - 1);
  if (layers == 1)
    badInput("--layer ", layer, " is the only layer of ", weights);
  std::vector<int64_t> removed;
  try {
    removed = config.value("removed_layers", removed);
  } catch (const nlohmann::json::exception &) {
    badInput(path, ": removed_layers is no list of numbers");
  }
  removed.push_back(trainedLayer(removed, layer));
  std::sort(removed.begin(), removed.end());
  config["num_hidden_layers"] = layers - 1;
  config["removed_layers"] = removed;
  // What transformers says of every layer.
  if (auto types = config.find("layer_types");
      types != config.end() && types->is_array() &&
      static_cast<int64_t>(types->size()) == layers)
    types->erase(static_cast<size_t>(layer));
  return config;
}

/// The name of a parameter once layer `removed` is gone; empty for its own.
static std::string renamed(const std::string &name, int64_t removed) {
  const std::string prefix = "model.layers.";
  if (!name.starts_with(prefix))
    return name;
  int64_t layer = -1;
  const char *begin = name.data() + prefix.size();
  const char *end = name.data() + name.size();
  const char *rest = std::from_chars(begin, end, layer).ptr;
  if (layer == removed)
    return "";
  if (layer < removed)
    return name;
  return prefix + std::to_string(layer - 1) + std::string(rest, end);
}

static void writeContents(const std::string &weights, int64_t layer,
                          const ordered_json &config, const fs::path &to) {
  writeTextFile(to / "config.json", config.dump(2) + "\n");
  if (std::string tokenizer = tokenizerOf(weights); !tokenizer.empty())
    writeTextFile(to / fs::path(tokenizer).filename(),
                  readWholeFile(tokenizer, size_t(256) << 20));
  WeightFiles files(weights);
  std::vector<TensorToStore> tensors;
  for (const auto &[name, weight] : files.weights())
    if (std::string kept = renamed(name, layer); !kept.empty())
      tensors.push_back(
          {kept, weight.stored->dtype, weight.stored->shape,
           [weight = weight](int64_t offset, void *data, int64_t bytes) {
             weight.file->read(*weight.stored, offset, data, bytes);
           }});
  writeSafetensors((to / "model.safetensors").string(), tensors,
                   {{"format", "pt"}}, /*syncName=*/false);
}

void mixln::rt::removeLayer(const std::string &weights, int64_t layer,
                            const std::string &out) {
  ordered_json config =
      naming("--weights", [&] { return shortened(weights, layer); });
  std::string temporary = naming("--out", [&] { return newFolder(out); });
  try {
    writeContents(weights, layer, config, temporary);
    commitFolder(temporary, out);
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    throw;
  }
}
