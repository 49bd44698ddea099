//===- Rows.cpp -----------------------------------------------------------===//

#include "data/Rows.h"
#include "data/BinRows.h"
#include "data/EncodedDocuments.h"
#include "support/Errors.h"

#include <algorithm>
#include <deque>

using namespace mixln::rt;

//===----------------------------------------------------------------------===//
// Packer
//===----------------------------------------------------------------------===//

void Packer::addDocument(const std::vector<int32_t> &pieces) {
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

void Packer::addConversation(const std::vector<int32_t> &codes) {
  if (packing == Packing::Concat) {
    stream.insert(stream.end(), codes.begin(), codes.end());
    return;
  }
  auto response = std::find_if(codes.begin(), codes.end(),
                               [](int32_t code) { return code >= 0; });
  auto from = codes.begin();
  if (response - from >= length)
    from = response - length / 2;
  size_t kept = std::min<size_t>(codes.end() - from, length);
  size_t rowBegin = stream.size();
  stream.insert(stream.end(), from, from + kept);
  stream.resize(rowBegin + length, kNotCounted);
}

void mixln::rt::decodeRow(const int32_t *codes, int64_t length, Row &row) {
  row.ids.resize(length);
  row.labels.resize(length);
  for (int64_t i = 0; i < length; ++i) {
    int32_t code = codes[i];
    row.labels[i] = code >= 0 ? code : kNotCounted;
    row.ids[i] = code >= 0             ? code
                 : code == kNotCounted ? kPadding
                                       : maskedId(code);
  }
}

std::vector<int32_t> mixln::rt::encodeRow(const Row &row) {
  std::vector<int32_t> codes(row.labels);
  for (size_t i = 0; i < codes.size(); ++i)
    if (codes[i] == kNotCounted && row.ids[i] != kPadding)
      codes[i] = maskedId(row.ids[i]);
  return codes;
}

bool Packer::take(Row &row) {
  if (stream.size() - begin < static_cast<size_t>(length))
    return false;
  decodeRow(stream.data() + begin, length, row);
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
      : documents(std::move(files), tokenizer, options), tokenizer(tokenizer),
        options(options),
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
    return documents.nextRecord(record);
  }

  void makeRow(const std::string &record, Row &row) const override {
    Packer alone(options.packing, options.length, tokenizer.endOfDocument());
    add(encodeRecord(record, tokenizer, options.format), alone);
    alone.take(row);
  }

private:
  /// A document that came into the packer.
  struct Start {
    int64_t token; ///< its first, counted as the packer counts
    int64_t file, line;
  };

  bool addDocument() {
    if (!documents.next(tokens))
      return false;
    while (starts.size() > 1 && starts[1].token <= packer.taken())
      starts.pop_front();
    starts.push_back({packer.added(), documents.file(), documents.line() - 1});
    add(tokens, packer);
    return true;
  }

  void add(const std::vector<int32_t> &record, Packer &to) const {
    if (options.format == DataFormat::Chat)
      to.addConversation(record);
    else
      to.addDocument(record);
  }

  EncodedDocuments documents;
  std::deque<Start> starts;
  const Tokenizer &tokenizer;
  RowOptions options;
  Packer packer;
  std::vector<int32_t> tokens;
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

bool mixln::rt::needRaw(const std::vector<std::string> &files) {
  return isTokenized(files) &&
         !std::all_of(files.begin(), files.end(), hasBinHeader);
}

std::unique_ptr<RowSource> mixln::rt::openRows(std::vector<std::string> files,
                                               const Tokenizer *tokenizer,
                                               const RowOptions &options) {
  bool tokenized = isTokenized(files);
  if (tokenized && options.format == DataFormat::Chat)
    badInput("--data_format chat reads JSON lines, ", files.front(),
             " holds token ids, which do not say what is a response");
  if (tokenized)
    return openBinRows(std::move(files), options);
  if (options.rawBits != 0)
    badInput("--raw is for .bin files, ", files.front(), " is none");
  if (!tokenizer)
    badInput("--tokenizer is required to read text from ", files.front());
  return std::make_unique<TextRows>(std::move(files), *tokenizer, options);
}
