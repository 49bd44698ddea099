//===- BinRows.cpp --------------------------------------------------------===//

#include "data/BinRows.h"
#include "support/Errors.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <numeric>

using namespace mixln::rt;

static const char magic[8] = {'M', 'I', 'X', 'L', 'N', 'B', 'I', 'N'};

//===----------------------------------------------------------------------===//
// Header
//===----------------------------------------------------------------------===//

static void put(std::string &out, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i)
    out.push_back(static_cast<char>(value >> (8 * i)));
}

static uint64_t take(const char *from, int bytes) {
  uint64_t value = 0;
  for (int i = bytes - 1; i >= 0; --i)
    value = value << 8 | static_cast<unsigned char>(from[i]);
  return value;
}

std::string mixln::rt::encodeBinHeader(const BinHeader &header) {
  std::string out(magic, sizeof magic);
  put(out, 1, 4);
  put(out, header.idBytes, 4);
  put(out, header.packing == Packing::Concat, 4);
  put(out, header.length, 4);
  put(out, header.ids, 8);
  put(out, header.vocabSize, 8);
  put(out, header.tokenizerHash, 8);
  out.resize(kBinHeaderBytes, '\0');
  return out;
}

bool mixln::rt::hasBinHeader(const std::string &path) {
  char head[sizeof magic] = {};
  std::ifstream(path, std::ios::binary).read(head, sizeof head);
  return std::memcmp(head, magic, sizeof magic) == 0;
}

static const char *packingName(Packing packing) {
  return packing == Packing::Pad ? "pad" : "concat";
}

static BinHeader decodeHeader(const std::string &path, const char *bytes,
                              uint64_t fileBytes) {
  if (std::memcmp(bytes, magic, sizeof magic) != 0)
    badInput(path, " does not begin with MIXLNBIN; a file of ids alone needs"
                   " --raw uint16 or --raw uint32");
  if (take(bytes + 8, 4) != 1)
    badInput(path, " has format version ", take(bytes + 8, 4), ", expected 1");
  BinHeader header;
  header.idBytes = take(bytes + 12, 4);
  uint64_t packing = take(bytes + 16, 4);
  header.packing = packing == 0 ? Packing::Pad : Packing::Concat;
  header.length = take(bytes + 20, 4);
  header.ids = take(bytes + 24, 8);
  header.vocabSize = take(bytes + 32, 8);
  header.tokenizerHash = take(bytes + 40, 8);
  if ((header.idBytes != 2 && header.idBytes != 4) || packing > 1 ||
      header.length < 2 || header.ids % header.length != 0)
    badInput(path, " has a damaged header: ", header.idBytes,
             " bytes an id, packing ", packing, ", rows of ", header.length,
             ", ", header.ids, " ids");
  uint64_t data = fileBytes - kBinHeaderBytes;
  if (header.ids > data || header.ids * header.idBytes != data)
    badInput(path, " has ", data, " bytes of ids, its header promises ",
             header.ids, " ids of ", header.idBytes, " bytes");
  return header;
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

namespace {

class BinRows : public RowSource {
public:
  BinRows(std::vector<std::string> files, const RowOptions &options)
      : files(std::move(files)), options(options) {
    for (size_t i = 0; i < this->files.size(); ++i)
      openFile(i);
    begin({}, {});
  }

  bool next(Row &row) override;
  int64_t fileCount() const override {
    return static_cast<int64_t>(files.size());
  }
  void begin(const std::vector<size_t> &order,
             const SourcePosition &from) override;
  SourcePosition position() const override {
    if (nextFile == 0)
      return {};
    return {static_cast<int64_t>(nextFile) - 1,
            static_cast<int64_t>(total - left), 0};
  }

private:
  void openFile(size_t index);
  void readIds(int32_t *to, uint64_t count);

  std::vector<std::string> files;
  RowOptions options;
  std::vector<size_t> order;
  size_t nextFile = 0; ///< in the order
  std::ifstream stream;
  uint64_t total = 0; ///< ids of the open file
  uint64_t left = 0;  ///< ids of the open file not read yet
  uint64_t idBytes = 2;
  std::vector<char> buffer;
  /// The beginning of a row that the last file left over (concat).
  std::vector<int32_t> partial;
  uint64_t filled = 0;
};

} // namespace

void BinRows::openFile(size_t index) {
  const std::string &path = files[index];
  stream = std::ifstream(path, std::ios::binary);
  std::error_code error;
  uint64_t bytes = std::filesystem::file_size(path, error);
  if (!stream || error)
    badInput("cannot open ", path);
  if (options.rawBits != 0) {
    if (hasBinHeader(path))
      badInput("--raw is for files of ids alone, ", path,
               " begins with MIXLNBIN: its header says what it holds");
    if (options.packing == Packing::Pad)
      badInput("--raw needs ", options.packingFlag, " concat: ", path,
               " does not say where its documents end");
    idBytes = options.rawBits / 8;
    if (bytes == 0 || bytes % idBytes != 0)
      badInput(path, " has ", bytes, " bytes, not a multiple of ", idBytes);
    left = total = bytes / idBytes;
    return;
  }
  char head[kBinHeaderBytes];
  if (bytes < kBinHeaderBytes || !stream.read(head, sizeof head))
    badInput(path, " has ", bytes, " bytes, its header alone has ",
             kBinHeaderBytes);
  BinHeader header = decodeHeader(path, head, bytes);
  if (header.packing != options.packing)
    badInput(path, " was packed with --packing ", packingName(header.packing),
             ", asked for ", options.packingFlag, " ",
             packingName(options.packing));
  if (header.packing == Packing::Pad && header.length != options.length)
    badInput(path, " has rows of ", header.length, " ids, expected ",
             options.length);
  if (header.vocabSize > static_cast<uint64_t>(options.vocabSize))
    badInput(path, " was made with a tokenizer of ", header.vocabSize,
             " pieces, the model's vocab_size is ", options.vocabSize);
  idBytes = header.idBytes;
  left = total = header.ids;
}

void BinRows::begin(const std::vector<size_t> &newOrder,
                    const SourcePosition &from) {
  order = newOrder;
  if (order.empty()) {
    order.resize(files.size());
    std::iota(order.begin(), order.end(), 0);
  }
  nextFile = std::min(static_cast<size_t>(from.file), files.size());
  left = total = 0;
  filled = 0;
  if (from.record == 0 || nextFile == files.size())
    return;
  openFile(order[nextFile++]);
  auto record = static_cast<uint64_t>(from.record);
  if (record > total)
    badInput(files[order[nextFile - 1]], " has ", total,
             " ids, fewer than were read from it before");
  stream.seekg(static_cast<std::streamoff>(record * idBytes), std::ios::cur);
  left = total - record;
}

void BinRows::readIds(int32_t *to, uint64_t count) {
  const std::string &path = files[order[nextFile - 1]];
  buffer.resize(count * idBytes);
  if (!stream.read(buffer.data(), buffer.size()))
    badInput(path, " ended while it was read");
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t id = take(buffer.data() + i * idBytes, static_cast<int>(idBytes));
    if (id >= static_cast<uint64_t>(options.vocabSize))
      badInput(path, " holds id ", id, ", the model's vocab_size is ",
               options.vocabSize);
    to[i] = static_cast<int32_t>(id);
  }
  left -= count;
}

bool BinRows::next(Row &row) {
  uint64_t length = options.length;
  partial.resize(length);
  while (filled < length) {
    if (left == 0) {
      if (nextFile == files.size())
        return false;
      openFile(order[nextFile++]);
    }
    uint64_t count = std::min(left, length - filled);
    readIds(partial.data() + filled, count);
    filled += count;
  }
  filled = 0;
  row.ids = partial;
  row.labels = partial;
  if (options.packing == Packing::Pad)
    for (size_t i = length; i > 0 && row.ids[i - 1] == kPadding; --i)
      row.labels[i - 1] = kNotCounted;
  return true;
}

std::unique_ptr<RowSource>
mixln::rt::openBinRows(std::vector<std::string> files,
                       const RowOptions &options) {
  return std::make_unique<BinRows>(std::move(files), options);
}
