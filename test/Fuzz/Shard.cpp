//===- Shard.cpp - Shards of text, plain and gzip -------------------------===//

#include "Memory.h"
#include "data/Documents.h"
#include "support/Errors.h"

#include <string>
#include <vector>
#include <zlib.h>

using namespace mixln::rt;
using mixln::fuzz::MemoryFile;
using mixln::fuzz::require;

//===----------------------------------------------------------------------===//
// gzip
//===----------------------------------------------------------------------===//

static std::string deflated(const std::string &text) {
  z_stream stream = {};
  // 31: with a gzip header; level 1, for speed.
  require(deflateInit2(&stream, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) ==
              Z_OK,
          "zlib starts");
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in =
      reinterpret_cast<Bytef *>(const_cast<char *>(text.data())); // NOLINT
  stream.avail_in = text.size();
  stream.next_out = reinterpret_cast<Bytef *>(out.data());
  stream.avail_out = out.size();
  require(deflate(&stream, Z_FINISH) == Z_STREAM_END, "text can be packed");
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

/// Nothing when the bytes are not one whole gzip member of at most `limit`.
static std::string inflated(const uint8_t *data, size_t size, size_t limit) {
  z_stream stream = {};
  if (size < 2 || data[0] != 0x1f || inflateInit2(&stream, 31) != Z_OK)
    return {};
  std::string out(limit, '\0');
  stream.next_in = const_cast<Bytef *>(data); // NOLINT
  stream.avail_in = size;
  stream.next_out = reinterpret_cast<Bytef *>(out.data());
  stream.avail_out = out.size();
  bool whole = inflate(&stream, Z_FINISH) == Z_STREAM_END;
  out.resize(whole ? stream.total_out : 0);
  inflateEnd(&stream);
  return out;
}

//===----------------------------------------------------------------------===//
// Target
//===----------------------------------------------------------------------===//

/// So small that lines cross the ends of buffers.
static constexpr size_t kBufferBytes = 64;

namespace {
struct Reading {
  std::vector<std::string> texts;
  std::vector<int64_t> lines; ///< after each text
  bool failed = false;
  bool operator==(const Reading &) const = default;
};
} // namespace

static Reading readAll(const std::string &path, DataFormat format) {
  Reading reading;
  try {
    Documents documents({path}, format, kBufferBytes);
    for (std::string text; documents.next(text);) {
      reading.texts.push_back(text);
      reading.lines.push_back(documents.line());
    }
  } catch (const InputError &) {
    reading.failed = true;
  }
  return reading;
}

static void readAs(DataFormat format, const uint8_t *data, size_t size) {
  MemoryFile file(data, size);
  Reading reading = readAll(file.path(), format);
  bool isGzip = size >= 2 && data[0] == 0x1f && data[1] == 0x8b;
  if (!isGzip && size > 0) {
    std::string packed = deflated(std::string(data, data + size));
    MemoryFile gzip(packed.data(), packed.size());
    require(readAll(gzip.path(), format) == reading, "gzip changes nothing");
  }
  if (reading.failed || reading.texts.empty())
    return;
  size_t middle = reading.texts.size() / 2;
  Documents documents({file.path()}, format, kBufferBytes);
  documents.begin({}, 0, middle ? reading.lines[middle - 1] : 0);
  for (std::string text; documents.next(text); ++middle)
    require(middle < reading.texts.size() && text == reading.texts[middle],
            "documents read from a line are the documents read before");
  require(middle == reading.texts.size(), "all of them are there");
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  for (DataFormat format : {DataFormat::Text, DataFormat::Chat})
    readAs(format, data, size);
  return 0;
}

extern "C" __attribute__((weak)) size_t LLVMFuzzerMutate(uint8_t *data,
                                                         size_t size,
                                                         size_t limit);

/// What is inside a gzip member changes now and then, not only its envelope.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size,
                                          size_t limit, unsigned seed) {
  std::string text = seed % 2 ? inflated(data, size, 1 << 16) : std::string();
  if (text.empty())
    return LLVMFuzzerMutate(data, size, limit);
  size_t length = text.size();
  text.resize(length + 256);
  text.resize(LLVMFuzzerMutate(reinterpret_cast<uint8_t *>(text.data()), length,
                               text.size()));
  std::string packed = deflated(text);
  if (packed.size() > limit)
    return LLVMFuzzerMutate(data, size, limit);
  std::copy(packed.begin(), packed.end(), data);
  return packed.size();
}
