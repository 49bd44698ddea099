//===- Tokenize.h - Rows of text to a .bin file -----------------*- C++ -*-===//

#ifndef MIXLN_RT_DATATOOL_TOKENIZE_H
#define MIXLN_RT_DATATOOL_TOKENIZE_H

#include "data/Rows.h"

#include <string>
#include <vector>

namespace mixln::rt {

struct TokenizeResult {
  int64_t rows = 0;
  int64_t counted = 0; ///< labels that count
};

/// Writes the rows of `files` in order as a .bin file (BinRows.h); the file
/// appears whole or not at all.
TokenizeResult tokenizeFiles(const std::vector<std::string> &files,
                             const Tokenizer &tokenizer, Packing packing,
                             int64_t length, const std::string &out);

} // namespace mixln::rt

#endif // MIXLN_RT_DATATOOL_TOKENIZE_H
