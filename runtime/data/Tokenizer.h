//===- Tokenizer.h - Text to token ids --------------------------*- C++ -*-===//

#ifndef MIXLN_RT_DATA_TOKENIZER_H
#define MIXLN_RT_DATA_TOKENIZER_H

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sentencepiece {
class SentencePieceProcessor;
}

namespace mixln::rt {

/// A sentencepiece model. InputErrors name the file.
class Tokenizer {
public:
  explicit Tokenizer(std::string path);
  ~Tokenizer();

  /// The pieces of a text, without an end-of-document piece.
  void encode(std::string_view text, std::vector<int> &ids) const;

  std::vector<int32_t> encodeText(std::string_view text) const;
  /// The text of pieces; what has none (control pieces, ids beyond the last
  /// piece) is left out.
  std::string decode(const std::vector<int32_t> &ids) const;

  int32_t endOfDocument() const { return eos; }
  int64_t vocabSize() const { return pieces; }
  const std::string &path() const { return filePath; }
  const std::string &hash() const { return fileHash; }
  /// The file as it was read: what lies at path() may be gone by now.
  const std::string &bytes() const { return model; }

  /// An error when the model's embedding has fewer rows than there are pieces.
  void checkFits(int64_t modelVocabSize) const;

private:
  std::string filePath;
  std::string fileHash;
  std::string model;
  std::unique_ptr<sentencepiece::SentencePieceProcessor> processor;
  int32_t eos = 0;
  int64_t pieces = 0;
};

} // namespace mixln::rt

#endif // MIXLN_RT_DATA_TOKENIZER_H
