//===- Documents.h - The texts of JSON-lines files --------------*- C++ -*-===//

#ifndef MIXLN_RT_DATA_DOCUMENTS_H
#define MIXLN_RT_DATA_DOCUMENTS_H

#include "data/LineReader.h"
#include "data/Rows.h"

#include <memory>
#include <string>
#include <vector>

namespace mixln::rt {

/// The string under the top-level key `text` of a JSON line. False, with the
/// reason, when there is none.
bool textOfLine(std::string_view line, std::string &text, std::string &reason);

/// Documents of files of JSON lines, one a line, in the files' order. Lines
/// that hold none are skipped, counted and reported; it is an InputError when
/// all lines are. Conversations are whole lines; there a line that is none is
/// an InputError, unless it is empty.
class Documents {
public:
  explicit Documents(std::vector<std::string> files,
                     DataFormat format = DataFormat::Text,
                     size_t bufferBytes = LineReader::kBufferBytes);

  bool next(std::string &text);
  /// Reads the files in the given order (empty: as they were given), from
  /// line `line` (from 0) of the order's file `file` on.
  void begin(const std::vector<size_t> &order, int64_t file, int64_t line);

  int64_t fileCount() const { return static_cast<int64_t>(files.size()); }
  /// Where it is: the file, by its place in the order, and the lines of it
  /// that were read.
  int64_t file() const { return reader ? nextFile - 1 : nextFile; }
  int64_t line() const { return reader ? reader->lineNumber() : 0; }

  /// Of this pass.
  int64_t skippedLines() const { return skipped; }

private:
  bool take(std::string_view line, std::string &text);
  void skip(const std::string &reason);
  void reportPass();

  std::vector<std::string> files;
  DataFormat format;
  size_t bufferBytes;
  std::vector<size_t> order;
  size_t nextFile = 0;
  bool fromTheStart = true; ///< so that finding nothing says something
  std::unique_ptr<LineReader> reader;
  int64_t found = 0;
  int64_t skipped = 0;
  bool firstPass = true;
};

} // namespace mixln::rt

#endif // MIXLN_RT_DATA_DOCUMENTS_H
