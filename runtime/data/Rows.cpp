//===- Rows.cpp -----------------------------------------------------------===//

#include "data/Rows.h"
#include "data/BinRows.h"
#include "data/Documents.h"
#include "support/Errors.h"

#include <algorithm>
#include <deque>

using namespace mixln::rt;

//===----------------------------------------------------------------------===//
// Packer
//===----------------------------------------------------------------------===//

void Packer::addDocument(const std::vector<int> &pieces) {
  if (packing == Packing::Concat) {
    stream.insert(stream.end(), pieces.begin(), pieces.end());
    stream.push_back(eos);
    return;
  }
  size_t kept = std::min<size_t>(pieces.size(), length - 1);
  size_t rowBegin = stream.size();
  stream.insert(stream.end(), pieces.begin(), pieces.begin() + kept);
  stream.push_back(eos);
  stream.resize(rowBegin + length, kNotCounted);
}

bool Packer::take(Row &row) {
  if (stream.size() - begin < static_cast<size_t>(length))
    return false;
  auto first = stream.begin() + begin;
  row.labels.assign(first, first + length);
  row.ids = row.labels;
  std::replace(row.ids.begin(), row.ids.end(), kNotCounted, kPadding);
  begin += length;
  if (begin == stream.size() || begin > (size_t(1) << 20)) {
    stream.erase(stream.begin(), stream.begin() + begin);
    gone += begin;
    begin = 0;
  }
  return true;
}

void Packer::drop(int64_t tokens) {
  begin = std::min(stream.size(), begin + static_cast<size_t>(tokens));
}

void Packer::clear() {
  stream.clear();
  begin = 0;
  gone = 0;
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

namespace {

class TextRows : public RowSource {
public:
  TextRows(std::vector<std::string> files, const Tokenizer &tokenizer,
           const RowOptions &options)
      : documents(std::move(files)), tokenizer(tokenizer), options(options),
        packer(options.packing, options.length, tokenizer.endOfDocument()) {}

  bool next(Row &row) override {
    while (!packer.take(row))
      if (!addDocument())
        return false;
    return true;
  }

  int64_t fileCount() const override { return documents.fileCount(); }

  void begin(const std::vector<size_t> &order,
             const SourcePosition &from) override {
    documents.begin(order, from.file, from.record);
    packer.clear();
    starts.clear();
    if (from.skip > 0 && addDocument())
      packer.drop(from.skip);
  }

  SourcePosition position() const override {
    if (packer.taken() == packer.added())
      return {documents.file(), documents.line(), 0};
    auto start =
        std::partition_point(starts.begin(), starts.end(), [&](const Start &s) {
          return s.token <= packer.taken();
        });
    --start;
    return {start->file, start->line, packer.taken() - start->token};
  }

  bool hasRecords() const override { return options.packing == Packing::Pad; }

  bool nextRecord(std::string &record) override {
    return documents.next(record);
  }

  void makeRow(const std::string &record, Row &row) const override {
    std::vector<int> own;
    tokenizer.encode(record, own);
    Packer alone(options.packing, options.length, tokenizer.endOfDocument());
    alone.addDocument(own);
    alone.take(row);
  }

private:
  /// A document that came into the packer.
  struct Start {
    int64_t token; ///< its first, counted as the packer counts
    int64_t file, line;
  };

  bool addDocument() {
    if (!documents.next(text))
      return false;
    while (starts.size() > 1 && starts[1].token <= packer.taken())
      starts.pop_front();
    starts.push_back({packer.added(), documents.file(), documents.line() - 1});
    tokenizer.encode(text, pieces);
    packer.addDocument(pieces);
    return true;
  }

  Documents documents;
  std::deque<Start> starts;
  const Tokenizer &tokenizer;
  RowOptions options;
  Packer packer;
  std::string text;
  std::vector<int> pieces;
};

} // namespace

bool mixln::rt::isTokenized(const std::vector<std::string> &files) {
  size_t tokenized =
      std::count_if(files.begin(), files.end(), [](const std::string &file) {
        return file.ends_with(".bin");
      });
  if (tokenized != 0 && tokenized != files.size())
    badInput("data mix .bin files and text: ", files.front(), " and ",
             files.back());
  return tokenized != 0;
}

std::unique_ptr<RowSource> mixln::rt::openRows(std::vector<std::string> files,
                                               const Tokenizer *tokenizer,
                                               const RowOptions &options) {
  if (isTokenized(files))
    return openBinRows(std::move(files), options);
  if (options.rawBits != 0)
    badInput("--raw is for .bin files, ", files.front(), " is none");
  if (!tokenizer)
    badInput("--tokenizer is required to read text from ", files.front());
  return std::make_unique<TextRows>(std::move(files), *tokenizer, options);
}
