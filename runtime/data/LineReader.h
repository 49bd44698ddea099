//===- LineReader.h - Lines of a plain or gzip file -------------*- C++ -*-===//

#ifndef MIXLN_RT_DATA_LINEREADER_H
#define MIXLN_RT_DATA_LINEREADER_H

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace mixln::rt {

/// Lines of a file, in order. A name that ends in .gz must be gzip, of one or
/// more members; other files may be. Damage (no gzip, truncated, wrong
/// checksum) is an InputError that names the file and the line it came to.
class LineReader {
public:
  /// `bufferBytes`: how much is unpacked at a time.
  explicit LineReader(std::string path, size_t bufferBytes = kBufferBytes);
  ~LineReader();
  LineReader(const LineReader &) = delete;
  LineReader &operator=(const LineReader &) = delete;

  /// The next line without its end; valid until the next call. A line longer
  /// than kMaxLine is an InputError too.
  bool next(std::string_view &line);

  /// Number of the line that next() returned last, from 1.
  int64_t lineNumber() const { return number; }
  const std::string &path() const { return filePath; }

  static constexpr size_t kMaxLine = size_t(64) << 20;
  static constexpr size_t kBufferBytes = size_t(1) << 20;

private:
  struct Inflater;

  bool fill();
  bool fillPlain();
  bool fillGzip();
  void readInput();

  std::string filePath;
  int descriptor = -1;
  std::unique_ptr<Inflater> inflater;
  std::vector<char> input;
  size_t inputBegin = 0, inputEnd = 0;
  std::vector<char> text;
  size_t textBegin = 0, textEnd = 0;
  std::string carried;
  int64_t number = 0;
};

} // namespace mixln::rt

#endif // MIXLN_RT_DATA_LINEREADER_H
