//===- HuggingFace.cpp ----------------------------------------------------===//

#include "export/HuggingFace.h"

#include "checkpoint/ModelFolder.h"
#include "checkpoint/OutputFile.h"
#include "checkpoint/WeightFiles.h"
#include "data/Tokenizer.h"
#include "support/BFloat16.h"
#include "support/Errors.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

using namespace mixln::rt;
using nlohmann::ordered_json;
namespace fs = std::filesystem;

static const char kTokenization[] =
#include "TokenizationMixln.inc"
    ;

static const char kTokenizerFile[] = "tokenizer.model";

static ordered_json configOf(const Program &program) {
  ordered_json config = configFor(program);
  if (!config.is_object())
    runFailed("this executable carries no config of its model");
  return config;
}

static std::string dump(const ordered_json &json) {
  auto replace = ordered_json::error_handler_t::replace;
  return json.dump(2, ' ', false, replace) + "\n";
}

bool mixln::rt::hasStockClass(const Program &program) {
  return configOf(program).value("model_type", "mixln") != "mixln";
}

/// `bytes` bytes from byte `offset` of a weight in the type `type`.
static void readAs(ElementType type, const WeightFiles::Weight &weight,
                   int64_t offset, void *data, int64_t bytes) {
  int64_t size = type == ElementType::BF16 ? 2 : 4;
  if (size == 4)
    return WeightFiles::readFloats(weight, offset / size,
                                   static_cast<float *>(data), bytes / size);
  std::vector<float> numbers(bytes / size);
  WeightFiles::readFloats(weight, offset / size, numbers.data(), bytes / size);
  std::transform(numbers.begin(), numbers.end(), static_cast<uint16_t *>(data),
                 toBFloat16);
}

/// The program's parameters in its types, whichever program wrote them.
static void copyWeights(const WeightFiles &files, const fs::path &to,
                        const Program &program) {
  std::vector<TensorToStore> tensors;
  for (const Tensor &tensor : program.tensors) {
    if (tensor.role != Role::Parameter)
      continue;
    const WeightFiles::Weight &weight = files.get(tensor.name, tensor.shape);
    const char *dtype = tensor.type == ElementType::BF16 ? "BF16" : "F32";
    tensors.push_back({tensor.name, dtype, tensor.shape,
                       [&](int64_t offset, void *data, int64_t bytes) {
                         readAs(tensor.type, weight, offset, data, bytes);
                       }});
  }
  writeSafetensors(to.string(), tensors, {{"format", "pt"}},
                   /*syncName=*/false);
}

/// The tokenizer as a class of its own: a sentencepiece model puts nothing
/// around a text, as the data path of training does.
static void writeTokenizer(const Tokenizer &tokenizer, const fs::path &to,
                           const ordered_json &config) {
  writeTextFile(to / kTokenizerFile, tokenizer.bytes());
  writeTextFile(to / "tokenization_mixln.py", kTokenization);
  ordered_json json = {
      {"tokenizer_class", "MixlnTokenizer"},
      {"auto_map",
       {{"AutoTokenizer",
         ordered_json::array({"tokenization_mixln.MixlnTokenizer", nullptr})}}},
      {"clean_up_tokenization_spaces", false}};
  if (config.contains("max_position_embeddings"))
    json["model_max_length"] = config["max_position_embeddings"];
  writeTextFile(to / "tokenizer_config.json", dump(json));
}

static void writeContents(const ExportedFolder &folder,
                          const WeightFiles &files, const fs::path &to,
                          const Program &program) {
  ordered_json config = configOf(program);
  ordered_json generation = ordered_json::object();
  for (const char *key : {"bos_token_id", "eos_token_id", "pad_token_id"})
    if (config.contains(key) && config[key].is_number_integer() &&
        config[key].get<int64_t>() >= 0)
      generation[key] = config[key];
  if (!hasStockClass(program)) {
    config["auto_map"] = {
        {"AutoConfig", "modeling_mixln.MixlnConfig"},
        {"AutoModelForCausalLM", "modeling_mixln.MixlnForCausalLM"}};
    writeTextFile(to / "modeling_mixln.py", program.modeling);
  }
  writeTextFile(to / "config.json", dump(config));
  writeTextFile(to / "generation_config.json", dump(generation));
  if (folder.tokenizer)
    writeTokenizer(*folder.tokenizer, to, config);
  copyWeights(files, to / "model.safetensors", program);
}

void mixln::rt::exportHuggingFace(const ExportedFolder &folder,
                                  const Program &program) {
  if (!hasStockClass(program) && program.modeling.empty())
    badInput("this model has no Python form; mixlnc --verbose says why");
  auto files = naming("--weights", [&] {
    std::error_code error;
    if (fs::exists(folder.weights + "/config.json", error))
      checkSameModel(folder.weights, program,
                     "; export it with the executable of its own model");
    auto found = std::make_unique<WeightFiles>(folder.weights);
    checkParameters(*found, program);
    return found;
  });
  std::string temporary =
      naming("--out", [&] { return newFolder(folder.out); });
  try {
    writeContents(folder, *files, temporary, program);
    commitFolder(temporary, folder.out);
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    throw;
  }
}
