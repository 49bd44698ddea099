//===- Documents.h - The texts of JSON-lines files --------------*- C++ -*-===//

#ifndef MIXLN_RT_DATA_DOCUMENTS_H
#define MIXLN_RT_DATA_DOCUMENTS_H

#include "data/LineReader.h"

#include <memory>
#include <string>
#include <vector>

namespace mixln::rt {

/// The string under the top-level key `text` of a JSON line. False, with the
/// reason, when there is none.
bool textOfLine(std::string_view line, std::string &text, std::string &reason);

/// Documents of files of JSON lines, one a line, in the files' order. Lines
/// that hold none are skipped, counted and reported; it is an InputError when
/// all lines are.
class Documents {
public:
  explicit Documents(std::vector<std::string> files);

  bool next(std::string &text);
  /// Begins again with the first file.
  void rewind();

  /// Of this pass.
  int64_t skippedLines() const { return skipped; }

private:
  void skip(const std::string &reason);
  void reportPass();

  std::vector<std::string> files;
  size_t nextFile = 0;
  std::unique_ptr<LineReader> reader;
  int64_t found = 0;
  int64_t skipped = 0;
  bool firstPass = true;
};

} // namespace mixln::rt

#endif // MIXLN_RT_DATA_DOCUMENTS_H
