//===- TrainTokenizer.cpp - A tokenizer from text -------------------------===//

#include "datatool/TrainTokenizer.h"

#include "checkpoint/OutputFile.h"
#include "data/Documents.h"
#include "support/Errors.h"

#include <sentencepiece_trainer.h>

using namespace mixln::rt;

namespace {
/// The trainer leaves out sentences above a size: documents are handed over in
/// parts that end between words.
class DocumentSentences : public sentencepiece::SentenceIterator {
public:
  DocumentSentences(const std::vector<std::string> &files, int64_t most)
      : documents(files), left(most) {
    Next();
  }

  bool done() const override { return part.empty(); }
  const std::string &value() const override { return part; }
  sentencepiece::util::Status status() const override { return {}; }

  void Next() override {
    part.clear();
    while (position >= text.size()) {
      if (left-- <= 0 || !documents.next(text))
        return;
      position = 0;
    }
    size_t end = text.size();
    if (end - position > kPartBytes) {
      end = text.rfind(' ', position + kPartBytes);
      if (end == std::string::npos || end <= position)
        end = std::min(text.size(), position + kPartBytes);
    }
    part = text.substr(position, end - position);
    // A line break would be a character of its own in the vocabulary.
    for (char &c : part)
      if (c == '\n' || c == '\r' || c == '\t')
        c = ' ';
    position = end + 1;
    if (part.empty())
      Next();
  }

private:
  static constexpr size_t kPartBytes = 2048;

  Documents documents;
  int64_t left;
  std::string text, part;
  size_t position = 0;
};
} // namespace

void mixln::rt::trainTokenizer(const TokenizerOptions &options) {
  naming("--out", [&] { checkWritableFile(options.out); });
  DocumentSentences sentences(options.files, options.documents);
  std::string model;
  auto status = sentencepiece::SentencePieceTrainer::Train(
      {{"vocab_size", std::to_string(options.vocabSize)},
       {"model_type", "unigram"},
       {"normalization_rule_name", "nmt_nfkc"},
       {"pad_id", "0"},
       {"eos_id", "1"},
       {"unk_id", "2"},
       {"bos_id", "-1"},
       {"hard_vocab_limit", "true"},
       {"minloglevel", "2"}},
      &sentences, &model);
  if (!status.ok())
    badInput("--vocab_size ", options.vocabSize,
             ": cannot train a tokenizer on this text: ", status.ToString());
  writeTextFile(options.out, model);
}
