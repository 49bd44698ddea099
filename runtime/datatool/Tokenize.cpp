//===- Tokenize.cpp - Rows of text to a .bin file -------------------------===//

#include "datatool/Tokenize.h"

#include "checkpoint/OutputFile.h"
#include "data/BinRows.h"
#include "support/Errors.h"

#include <cstring>

using namespace mixln::rt;

/// Little-endian ids of `bytes` bytes each.
static void appendIds(const std::vector<int32_t> &ids, uint32_t bytes,
                      std::string &out) {
  for (int32_t id : ids) {
    auto value = static_cast<uint32_t>(id);
    for (uint32_t i = 0; i < bytes; ++i)
      out.push_back(static_cast<char>(value >> (8 * i)));
  }
}

TokenizeResult mixln::rt::tokenizeFiles(const std::vector<std::string> &files,
                                        const Tokenizer &tokenizer,
                                        Packing packing, int64_t length,
                                        const std::string &out) {
  BinHeader header;
  header.idBytes = tokenizer.vocabSize() <= 65536 ? 2 : 4;
  header.packing = packing;
  header.length = static_cast<uint32_t>(length);
  header.vocabSize = static_cast<uint64_t>(tokenizer.vocabSize());
  header.tokenizerHash = std::stoull(tokenizer.hash(), nullptr, 16);

  RowOptions options;
  options.length = length;
  options.packing = packing;
  options.vocabSize = tokenizer.vocabSize();
  auto rows = openRows(files, &tokenizer, options);
  // The header holds the number of ids, so the rows are counted first: text is
  // read twice, memory stays small.
  Row row;
  TokenizeResult result;
  while (rows->next(row))
    ++result.rows;
  if (result.rows == 0)
    badInput("the text is shorter than one row of ", length, " tokens");
  header.ids = static_cast<uint64_t>(result.rows * length);
  OutputFile file(out);
  file.write(encodeBinHeader(header));
  rows->rewind();
  std::string bytes;
  while (rows->next(row)) {
    bytes.clear();
    appendIds(row.ids, header.idBytes, bytes);
    file.write(bytes);
    for (int32_t label : row.labels)
      result.counted += label != kNotCounted;
  }
  file.commit();
  return result;
}
