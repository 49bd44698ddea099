//===- TrainTokenizer.h - A tokenizer from text -----------------*- C++ -*-===//

#ifndef MIXLN_RT_DATATOOL_TRAINTOKENIZER_H
#define MIXLN_RT_DATATOOL_TRAINTOKENIZER_H

#include <cstdint>
#include <string>
#include <vector>

namespace mixln::rt {

struct TokenizerOptions {
  std::vector<std::string> files; ///< JSON lines, plain or gzip
  int64_t vocabSize = 32000;
  int64_t documents = 200'000; ///< at most this many are read
  std::string out;
};

/// Trains a unigram sentencepiece model with T5's special pieces (padding 0,
/// </s> 1, unknown 2, no beginning of text) and writes it to `out`.
void trainTokenizer(const TokenizerOptions &options);

} // namespace mixln::rt

#endif // MIXLN_RT_DATATOOL_TRAINTOKENIZER_H
