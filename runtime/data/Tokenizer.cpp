//===- Tokenizer.cpp ------------------------------------------------------===//

#include "data/Tokenizer.h"
#include "data/Files.h"
#include "support/Errors.h"
#include "support/Hash.h"

#include <sentencepiece_processor.h>

using namespace mixln::rt;

Tokenizer::Tokenizer(std::string path)
    : filePath(std::move(path)),
      processor(std::make_unique<sentencepiece::SentencePieceProcessor>()) {
  model = readWholeFile(filePath, size_t(256) << 20);
  if (model.empty())
    badInput(filePath, " is empty, expected a sentencepiece model");
  if (!processor->LoadFromSerializedProto(model).ok())
    badInput(filePath, " is not a sentencepiece model");
  fileHash = hexHash(hashBytes(model.data(), model.size()));
  eos = processor->eos_id();
  pieces = processor->GetPieceSize();
  if (eos < 0)
    badInput(filePath, " has no piece </s> to end a document with");
}

Tokenizer::~Tokenizer() = default;

void Tokenizer::encode(std::string_view text, std::vector<int> &ids) const {
  auto status =
      processor->Encode(absl::string_view(text.data(), text.size()), &ids);
  if (!status.ok())
    runFailed("sentencepiece cannot encode a text: ", status.ToString());
}

std::vector<int32_t> Tokenizer::encodeText(std::string_view text) const {
  std::vector<int> ids;
  encode(text, ids);
  return std::vector<int32_t>(ids.begin(), ids.end());
}

std::string Tokenizer::decode(const std::vector<int32_t> &ids) const {
  std::vector<int> known;
  for (int32_t id : ids)
    if (id >= 0 && id < pieces && !processor->IsControl(id))
      known.push_back(id);
  std::string text;
  auto status = processor->Decode(known, &text);
  if (!status.ok())
    runFailed("sentencepiece cannot decode: ", status.ToString());
  return text;
}

void Tokenizer::checkFits(int64_t modelVocabSize) const {
  if (pieces > modelVocabSize)
    badInput("tokenizer ", filePath, " has ", pieces,
             " pieces, the model's vocab_size is ", modelVocabSize);
}
