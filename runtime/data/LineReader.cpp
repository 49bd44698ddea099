//===- LineReader.cpp -----------------------------------------------------===//

#include "data/LineReader.h"
#include "support/Errors.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

using namespace mixln::rt;

struct LineReader::Inflater {
  z_stream stream = {};
  bool insideMember = false;

  Inflater() {
    // 31: the largest window, gzip headers only.
    if (inflateInit2(&stream, 31) != Z_OK)
      runFailed("cannot start zlib");
  }
  ~Inflater() { inflateEnd(&stream); }
  Inflater(const Inflater &) = delete;
  Inflater &operator=(const Inflater &) = delete;
};

LineReader::LineReader(std::string path, size_t bufferBytes)
    : filePath(std::move(path)), input(bufferBytes / 4), text(bufferBytes) {
  descriptor = open(filePath.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    badInput("cannot open ", filePath, ": ", systemError(errno));
  try {
    readInput();
    if (inputEnd == 0)
      badInput(filePath, " is empty");
    auto byte = [&](size_t i) { return static_cast<unsigned char>(input[i]); };
    bool isGzip = inputEnd >= 2 && byte(0) == 0x1f && byte(1) == 0x8b;
    if (filePath.ends_with(".gz") && !isGzip)
      badInput(filePath, " is not a gzip file");
    if (isGzip)
      inflater = std::make_unique<Inflater>();
  } catch (...) {
    close(descriptor);
    throw;
  }
}

LineReader::~LineReader() { close(descriptor); }

void LineReader::readInput() {
  inputBegin = 0;
  inputEnd = 0;
  ssize_t done;
  do
    done = read(descriptor, input.data(), input.size());
  while (done < 0 && errno == EINTR);
  if (done < 0)
    badInput("cannot read ", filePath, ": ", systemError(errno));
  inputEnd = done;
}

bool LineReader::fillPlain() {
  if (inputBegin == inputEnd)
    readInput();
  textBegin = 0;
  textEnd = inputEnd - inputBegin;
  std::memcpy(text.data(), input.data() + inputBegin, textEnd);
  inputBegin = inputEnd;
  return textEnd > 0;
}

bool LineReader::fillGzip() {
  z_stream &stream = inflater->stream;
  while (true) {
    if (inputBegin == inputEnd) {
      readInput();
      if (inputEnd == 0) {
        if (inflater->insideMember)
          badInput(filePath, " is truncated: the gzip data end in line ",
                   number + 1);
        return false;
      }
    }
    if (!inflater->insideMember) {
      // Some writers fill the last block of the file with zeros.
      if (input[inputBegin] == 0) {
        ++inputBegin;
        continue;
      }
      inflateReset(&stream);
      inflater->insideMember = true;
    }
    stream.next_in = reinterpret_cast<Bytef *>(input.data() + inputBegin);
    stream.avail_in = inputEnd - inputBegin;
    stream.next_out = reinterpret_cast<Bytef *>(text.data());
    stream.avail_out = text.size();
    int status = inflate(&stream, Z_NO_FLUSH);
    inputBegin = inputEnd - stream.avail_in;
    if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
      badInput(filePath, " has damaged gzip data after line ", number, ": ",
               stream.msg ? stream.msg : "unknown error");
    if (status == Z_STREAM_END)
      inflater->insideMember = false;
    textBegin = 0;
    textEnd = text.size() - stream.avail_out;
    if (textEnd > 0)
      return true;
  }
}

bool LineReader::fill() { return inflater ? fillGzip() : fillPlain(); }

bool LineReader::next(std::string_view &line) {
  carried.clear();
  bool any = false;
  while (true) {
    if (textBegin == textEnd && !fill()) {
      if (!any)
        return false;
      break;
    }
    any = true;
    const char *begin = text.data() + textBegin;
    size_t left = textEnd - textBegin;
    const char *end = static_cast<const char *>(std::memchr(begin, '\n', left));
    size_t length = end ? end - begin : left;
    textBegin += end ? length + 1 : length;
    // A file that unpacks to terabytes without an end of line stops here.
    if (carried.size() + length > kMaxLine)
      badInput(filePath, ":", number + 1, ": the line is longer than ",
               kMaxLine, " bytes");
    if (end && carried.empty()) {
      line = {begin, length};
      ++number;
      return true;
    }
    carried.append(begin, length);
    if (end)
      break;
  }
  line = carried;
  ++number;
  return true;
}
