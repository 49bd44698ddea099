//===- EncodedDocuments.h - Documents as tokens -----------------*- C++ -*-===//
//
// Reading is one thread's; several turn what it has read into tokens. What
// comes out, and in which order, does not depend on their number.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_RT_DATA_ENCODEDDOCUMENTS_H
#define MIXLN_RT_DATA_ENCODEDDOCUMENTS_H

#include "data/Documents.h"
#include "data/Rows.h"

#include <deque>
#include <exception>

namespace mixln::rt {

/// Tokens of one record: pieces of a text, or numbers of a conversation as
/// encodeConversation() gives them.
std::vector<int32_t> encodeRecord(const std::string &record,
                                  const Tokenizer &tokenizer,
                                  DataFormat format);

class EncodedDocuments {
public:
  EncodedDocuments(std::vector<std::string> files, const Tokenizer &tokenizer,
                   const RowOptions &options);

  /// The next document's tokens; false at the end. Throws what was met there.
  bool next(std::vector<int32_t> &tokens);
  void begin(const std::vector<size_t> &order, int64_t file, int64_t line);

  int64_t fileCount() const { return documents.fileCount(); }
  /// Behind the document that came last, as Documents says it.
  int64_t file() const { return here.file; }
  int64_t line() const { return here.line; }

  /// Without tokens, for rows that are made of a record later.
  bool nextRecord(std::string &record);

private:
  struct Place {
    int64_t file = 0, line = 0;
  };
  struct Document {
    std::string text;
    std::vector<int32_t> tokens;
    Place behind;
    bool isEnd = false;
    std::exception_ptr failure; ///< instead of a document
  };
  void readAhead();
  Document read();

  Documents documents;
  const Tokenizer &tokenizer;
  DataFormat format;
  int workers;
  std::deque<Document> ahead;
  Place here;
};

} // namespace mixln::rt

#endif // MIXLN_RT_DATA_ENCODEDDOCUMENTS_H
