//===- Rows.h - Where training rows come from -------------------*- C++ -*-===//
//
// A row is T token ids and T labels, unshifted; label -100 does not count.
//
//   pad     a document is a row: its first T-1 pieces and </s>; when it is
//           shorter, all pieces, </s>, and padding (id 0, label -100)
//   concat  documents, each ended by </s>, end to end, cut into rows of T; the
//           last partial row is dropped
//
// A conversation (--data_format chat) ends as it does by itself. With pad it is
// cut at its end; where its prompt alone is longer than a row, the prompt's
// beginning is left out, so that half a row is left for the response.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_RT_DATA_ROWS_H
#define MIXLN_RT_DATA_ROWS_H

#include "data/Tokenizer.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace mixln::rt {

enum class Packing { Pad, Concat };

/// Text: a "text" a line, all of it counts. Chat: prompts and responses, of
/// which responses count (see Chat.h).
enum class DataFormat { Text, Chat };

constexpr int32_t kPadding = 0;
constexpr int32_t kNotCounted = -100;

struct Row {
  std::vector<int32_t> ids;
  std::vector<int32_t> labels;
};

/// A position in one number: the id of a token that counts, kNotCounted for
/// padding, or a token that is read and does not count.
constexpr int32_t maskedId(int32_t id) { return -1000 - id; }

/// Rows from and to such numbers.
void decodeRow(const int32_t *codes, int64_t length, Row &row);
std::vector<int32_t> encodeRow(const Row &row);

/// Where a row begins: in which file (by its place in the order of reading),
/// after how many of the file's records (lines, ids), after how many tokens of
/// that record.
struct SourcePosition {
  int64_t file = 0;
  int64_t record = 0;
  int64_t skip = 0;
  bool operator==(const SourcePosition &) const = default;
};

/// A finite sequence of rows that can be read from any of them on.
class RowSource {
public:
  virtual ~RowSource() = default;
  virtual bool next(Row &row) = 0;
  virtual int64_t fileCount() const = 0;
  /// Reads the files in the given order (empty: as they are) from `from` on.
  virtual void begin(const std::vector<size_t> &order,
                     const SourcePosition &from) = 0;
  /// Of the row that next() will return.
  virtual SourcePosition position() const = 0;

  void rewind() { begin({}, {}); }

  /// Where each row is made of one record alone, records may be read now and
  /// made into rows later, by another thread too.
  virtual bool hasRecords() const { return false; }
  virtual bool nextRecord(std::string &record) { return false; }
  virtual void makeRow(const std::string &record, Row &row) const {}
};

/// Turns encoded documents into rows.
class Packer {
public:
  Packer(Packing packing, int64_t length, int32_t endOfDocument)
      : packing(packing), length(length), eos(endOfDocument) {}

  void addDocument(const std::vector<int32_t> &pieces);
  /// Tokens as encodeConversation() gives them.
  void addConversation(const std::vector<int32_t> &codes);
  /// Takes the next finished row.
  bool take(Row &row);
  /// Drops tokens that wait for their row.
  void drop(int64_t tokens);
  void clear();

  /// Tokens that came in, and those of them that went out, since clear().
  int64_t added() const { return gone + int64_t(stream.size()); }
  int64_t taken() const { return gone + int64_t(begin); }

private:
  Packing packing;
  int64_t length;
  int32_t eos;
  /// Numbers of maskedId(). pad: whole rows; concat: a stream, of which `begin`
  /// tokens are taken.
  std::vector<int32_t> stream;
  size_t begin = 0;
  int64_t gone = 0; ///< tokens before the stream's first
};

struct RowOptions {
  int64_t length = 0; ///< T
  Packing packing = Packing::Pad;
  DataFormat format = DataFormat::Text;
  int64_t vocabSize = 0; ///< of the model: larger ids are an error
  /// For .bin files without a header: 16 or 32 bits an id; 0 = has a header.
  int rawBits = 0;
  /// Threads that turn text into tokens.
  int workers = 1;
  /// What `packing` comes from, for messages.
  const char *packingFlag = "--packing";
};

/// Rows of text files (JSON lines, plain or gzip) or, where all names end in
/// .bin, of tokenized files. `tokenizer` may be null for the latter.
std::unique_ptr<RowSource> openRows(std::vector<std::string> files,
                                    const Tokenizer *tokenizer,
                                    const RowOptions &options);

bool isTokenized(const std::vector<std::string> &files);

/// Whether these are .bin files of which one has no header: then it takes --raw
/// to read them.
bool needRaw(const std::vector<std::string> &files);

} // namespace mixln::rt

#endif // MIXLN_RT_DATA_ROWS_H
