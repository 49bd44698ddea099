//===- EncodedDocuments.cpp -----------------------------------------------===//

#include "data/EncodedDocuments.h"
#include "data/Chat.h"
#include "support/Errors.h"
#include "support/Parallel.h"

using namespace mixln::rt;

/// Documents that are read at once, for each thread: enough that threads with
/// short ones do not wait, few enough that a stop does not.
static constexpr int64_t kAhead = 16;

std::vector<int32_t> mixln::rt::encodeRecord(const std::string &record,
                                             const Tokenizer &tokenizer,
                                             DataFormat format) {
  if (format == DataFormat::Text)
    return tokenizer.encodeText(record);
  std::vector<Turn> turns;
  std::string reason;
  if (!parseConversation(record, turns, reason))
    runFailed("a line that was read ", reason);
  return encodeConversation(turns, tokenizer);
}

EncodedDocuments::EncodedDocuments(std::vector<std::string> files,
                                   const Tokenizer &tokenizer,
                                   const RowOptions &options)
    : documents(std::move(files), options.format), tokenizer(tokenizer),
      format(options.format), workers(options.workers) {}

void EncodedDocuments::begin(const std::vector<size_t> &order, int64_t file,
                             int64_t line) {
  ahead.clear();
  documents.begin(order, file, line);
  here = {documents.file(), documents.line()};
}

EncodedDocuments::Document EncodedDocuments::read() {
  Document document;
  try {
    document.isEnd = !documents.next(document.text);
  } catch (...) {
    document.failure = std::current_exception();
  }
  document.behind = {documents.file(), documents.line()};
  return document;
}

void EncodedDocuments::readAhead() {
  int64_t most = workers == 1 ? 1 : workers * kAhead;
  while (static_cast<int64_t>(ahead.size()) < most) {
    ahead.push_back(read());
    if (ahead.back().isEnd || ahead.back().failure)
      break;
  }
  forEachInParallel(ahead.size(), workers, [&](int64_t i) {
    Document &document = ahead[i];
    if (document.isEnd || document.failure)
      return;
    try {
      document.tokens = encodeRecord(document.text, tokenizer, format);
    } catch (...) {
      document.failure = std::current_exception();
    }
    document.text = {};
  });
}

bool EncodedDocuments::next(std::vector<int32_t> &tokens) {
  if (ahead.empty())
    readAhead();
  Document &document = ahead.front();
  // An end stays the end.
  if (document.failure)
    std::rethrow_exception(document.failure);
  here = document.behind;
  if (document.isEnd)
    return false;
  tokens = std::move(document.tokens);
  ahead.pop_front();
  return true;
}

bool EncodedDocuments::nextRecord(std::string &record) {
  if (!documents.next(record))
    return false;
  here = {documents.file(), documents.line()};
  return true;
}
