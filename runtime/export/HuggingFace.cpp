//===- HuggingFace.cpp ----------------------------------------------------===//

#include "export/HuggingFace.h"

#include "checkpoint/ModelFolder.h"
#include "checkpoint/OutputFile.h"
#include "checkpoint/Safetensors.h"
#include "data/Files.h"
#include "support/Errors.h"

#include <filesystem>
#include <nlohmann/json.hpp>

using namespace mixln::rt;
using nlohmann::ordered_json;
namespace fs = std::filesystem;

static const char kTokenization[] =
#include "TokenizationMixln.inc"
    ;

static const char kTokenizerFile[] = "tokenizer.model";

static ordered_json configOf(const Program &program) {
  ordered_json config = ordered_json::parse(program.configJson, nullptr, false);
  if (!config.is_object())
    runFailed("this executable carries no config of its model");
  return config;
}

bool mixln::rt::hasStockClass(const Program &program) {
  return configOf(program).value("model_type", "mixln") != "mixln";
}

static void writeText(const fs::path &path, const std::string &text) {
  OutputFile file(path.string());
  file.write(text);
  file.commit(/*syncName=*/false);
}

/// The checkpoint's parameters, checked against the program's, unchanged.
static void copyWeights(const std::string &folder, const fs::path &to,
                        const Program &program) {
  SafetensorsFile file(folder + "/model.safetensors");
  std::vector<TensorToStore> tensors;
  for (const Tensor &tensor : program.tensors) {
    if (tensor.role != Role::Parameter)
      continue;
    const StoredTensor &stored =
        file.get(tensor.name, tensor.type == ElementType::BF16 ? "BF16" : "F32",
                 tensor.shape);
    tensors.push_back({tensor.name, stored.dtype, tensor.shape,
                       [&](int64_t offset, void *data, int64_t bytes) {
                         file.read(stored, offset, data, bytes);
                       }});
  }
  writeSafetensors(to.string(), tensors, {{"format", "pt"}},
                   /*syncName=*/false);
}

/// The tokenizer as a class of its own: a sentencepiece model puts nothing
/// around a text, as the data path of training does.
static void writeTokenizer(const std::string &tokenizer, const fs::path &to,
                           const ordered_json &config) {
  writeText(to / kTokenizerFile, readWholeFile(tokenizer, size_t(256) << 20));
  writeText(to / "tokenization_mixln.py", kTokenization);
  ordered_json json = {
      {"tokenizer_class", "MixlnTokenizer"},
      {"auto_map",
       {{"AutoTokenizer",
         ordered_json::array({"tokenization_mixln.MixlnTokenizer", nullptr})}}},
      {"clean_up_tokenization_spaces", false}};
  if (config.contains("max_position_embeddings"))
    json["model_max_length"] = config["max_position_embeddings"];
  writeText(to / "tokenizer_config.json", json.dump(2) + "\n");
}

static void writeContents(const ExportedFolder &folder, const fs::path &to,
                          const Program &program) {
  ordered_json config = configOf(program);
  bool isBf16 = false;
  for (const Tensor &tensor : program.tensors)
    isBf16 |=
        tensor.role == Role::Parameter && tensor.type == ElementType::BF16;
  config["torch_dtype"] = isBf16 ? "bfloat16" : "float32";
  ordered_json generation = ordered_json::object();
  for (const char *key : {"bos_token_id", "eos_token_id", "pad_token_id"})
    if (config.contains(key) && config[key].is_number_integer() &&
        config[key].get<int64_t>() >= 0)
      generation[key] = config[key];
  if (!hasStockClass(program)) {
    config["auto_map"] = {
        {"AutoConfig", "modeling_mixln.MixlnConfig"},
        {"AutoModelForCausalLM", "modeling_mixln.MixlnForCausalLM"}};
    writeText(to / "modeling_mixln.py", program.modeling);
  }
  writeText(to / "config.json", config.dump(2) + "\n");
  writeText(to / "generation_config.json", generation.dump(2) + "\n");
  if (!folder.tokenizer.empty())
    writeTokenizer(folder.tokenizer, to, config);
  copyWeights(folder.weights, to / "model.safetensors", program);
}

void mixln::rt::exportHuggingFace(const ExportedFolder &folder,
                                  const Program &program) {
  if (!hasStockClass(program) && program.modeling.empty())
    badInput("this model has no Python form; mixlnc --verbose says why");
  checkSameModel(folder.weights, program);
  std::string temporary = newFolder(folder.out);
  try {
    writeContents(folder, temporary, program);
    commitFolder(temporary, folder.out);
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    throw;
  }
}
