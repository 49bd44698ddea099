//===- Safetensors.cpp ----------------------------------------------------===//
//
// The format: 8 bytes n, little endian; n bytes of JSON, name to {dtype,
// shape, data_offsets}; the data.
//
//===----------------------------------------------------------------------===//

#include "checkpoint/Safetensors.h"
#include "checkpoint/OutputFile.h"
#include "support/Errors.h"
#include "support/Json.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

using namespace mixln::rt;
using nlohmann::json;

// A hundred thousand tensors; the format itself allows four times as much,
// which parsed takes gigabytes.
constexpr int64_t kMaxHeader = 25'000'000;
constexpr int kMaxNesting = 8;

static int64_t elementBytes(const std::string &dtype) {
  static const std::map<std::string, int64_t> sizes = {
      {"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I64", 8},
      {"I32", 4}, {"I16", 2}, {"I8", 1},  {"U64", 8},  {"U32", 4},
      {"U16", 2}, {"U8", 1},  {"BOOL", 1}};
  auto found = sizes.find(dtype);
  return found == sizes.end() ? 0 : found->second;
}

std::string mixln::rt::shapeText(const std::vector<int64_t> &shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

SafetensorsFile::SafetensorsFile(std::string path) : filePath(std::move(path)) {
  descriptor = open(filePath.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    badInput("cannot open ", filePath, ": ", systemError(errno));
  struct stat status;
  if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    close(descriptor);
    badInput(filePath, " is not a file");
  }
  try {
    parseHeader(status.st_size);
  } catch (...) {
    close(descriptor);
    throw;
  }
}

SafetensorsFile::~SafetensorsFile() { close(descriptor); }

void SafetensorsFile::readAt(int64_t offset, void *to, int64_t bytes) const {
  char *out = static_cast<char *>(to);
  while (bytes > 0) {
    ssize_t done = pread(descriptor, out, bytes, offset);
    if (done < 0 && errno == EINTR)
      continue;
    if (done < 0)
      badInput("cannot read ", filePath, ": ", systemError(errno));
    if (done == 0)
      badInput(filePath, " ends at byte ", offset,
               ", in the middle of a tensor");
    out += done;
    offset += done;
    bytes -= done;
  }
}

void SafetensorsFile::parseHeader(int64_t fileBytes) {
  if (fileBytes < 8)
    badInput(filePath, " has ", fileBytes,
             " bytes, a safetensors file has at least 8");
  unsigned char prefix[8];
  readAt(0, prefix, 8);
  uint64_t headerBytes = 0;
  for (int i = 7; i >= 0; --i)
    headerBytes = headerBytes << 8 | prefix[i];
  if (headerBytes > static_cast<uint64_t>(kMaxHeader) ||
      static_cast<int64_t>(headerBytes) > fileBytes - 8)
    badInput(filePath, " claims a header of ", headerBytes,
             " bytes, the file has ", fileBytes,
             "; it is truncated or not a safetensors file");
  std::string text(headerBytes, '\0');
  readAt(8, text.data(), headerBytes);
  checkNesting(text, filePath, kMaxNesting);
  json header = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!header.is_object())
    badInput(filePath, " has a header that is not a JSON object");
  int64_t dataBegin = 8 + static_cast<int64_t>(headerBytes);
  for (auto &[name, entry] : header.items())
    if (name != "__metadata__")
      addTensor(name, &entry, dataBegin, fileBytes - dataBegin);
  checkCoverage(dataBegin, fileBytes - dataBegin);
}

void SafetensorsFile::addTensor(const std::string &name, const void *rawEntry,
                                int64_t dataBegin, int64_t dataBytes) {
  const json &entry = *static_cast<const json *>(rawEntry);
  auto isCount = [](const json &value) {
    return value.is_number_unsigned() &&
           value.get<uint64_t>() <= uint64_t(INT64_MAX);
  };
  auto isCounts = [&](const char *key) {
    return entry.contains(key) && entry[key].is_array() &&
           std::all_of(entry[key].begin(), entry[key].end(), isCount);
  };
  if (!entry.is_object() || !entry.contains("dtype") ||
      !entry["dtype"].is_string() || !isCounts("shape") ||
      !isCounts("data_offsets") || entry["data_offsets"].size() != 2)
    badInput(filePath, ": tensor ", name,
             " is not described by dtype, shape and two data_offsets");
  StoredTensor tensor;
  tensor.name = name;
  entry["dtype"].get_to(tensor.dtype);
  entry["shape"].get_to(tensor.shape);
  int64_t bytes = elementBytes(tensor.dtype);
  if (bytes == 0)
    badInput(filePath, ": tensor ", name, " has unknown dtype ", tensor.dtype);
  for (int64_t extent : tensor.shape)
    if (__builtin_mul_overflow(bytes, extent, &bytes))
      badInput(filePath, ": tensor ", name, " has shape ",
               shapeText(tensor.shape), ", more than fits a file");
  int64_t begin = entry["data_offsets"][0].get<int64_t>();
  int64_t end = entry["data_offsets"][1].get<int64_t>();
  if (begin > end || end > dataBytes)
    badInput(filePath, ": tensor ", name, " claims data bytes ", begin, " to ",
             end, ", the file has ", dataBytes,
             "; it is truncated or its header is wrong");
  if (end - begin != bytes)
    badInput(filePath, ": tensor ", name, " of dtype ", tensor.dtype,
             " and shape ", shapeText(tensor.shape), " claims ", end - begin,
             " bytes, expected ", bytes);
  tensor.offset = dataBegin + begin;
  tensor.bytes = bytes;
  table[name] = std::move(tensor);
}

void SafetensorsFile::checkCoverage(int64_t dataBegin,
                                    int64_t dataBytes) const {
  std::vector<const StoredTensor *> order;
  for (auto &[name, tensor] : table)
    order.push_back(&tensor);
  std::sort(order.begin(), order.end(), [](auto *a, auto *b) {
    return std::pair(a->offset, a->bytes) < std::pair(b->offset, b->bytes);
  });
  int64_t covered = dataBegin;
  for (const StoredTensor *tensor : order) {
    if (tensor->offset < covered)
      badInput(filePath, ": tensor ", tensor->name,
               " overlaps the tensor before it, by ", covered - tensor->offset,
               " bytes");
    if (tensor->offset > covered)
      badInput(filePath, ": ", tensor->offset - covered,
               " bytes before tensor ", tensor->name, " belong to no tensor");
    covered += tensor->bytes;
  }
  if (covered != dataBegin + dataBytes)
    badInput(filePath, " has ", dataBegin + dataBytes - covered,
             " bytes after its last tensor");
}

const StoredTensor &SafetensorsFile::find(const std::string &name) const {
  auto found = table.find(name);
  if (found == table.end())
    badInput(filePath, " has no tensor ", name);
  return found->second;
}

void SafetensorsFile::checkShape(const StoredTensor &tensor,
                                 const std::vector<int64_t> &shape) const {
  if (tensor.shape != shape)
    badInput(filePath, ": tensor ", tensor.name, " has shape ",
             shapeText(tensor.shape), ", expected ", shapeText(shape));
}

const StoredTensor &SafetensorsFile::get(const std::string &name,
                                         const std::string &dtype) const {
  const StoredTensor &tensor = find(name);
  if (tensor.dtype != dtype)
    badInput(filePath, ": tensor ", name, " has dtype ", tensor.dtype,
             ", expected ", dtype);
  return tensor;
}

const StoredTensor &
SafetensorsFile::get(const std::string &name, const std::string &dtype,
                     const std::vector<int64_t> &shape) const {
  const StoredTensor &tensor = get(name, dtype);
  checkShape(tensor, shape);
  return tensor;
}

void SafetensorsFile::read(const StoredTensor &tensor, int64_t offset, void *to,
                           int64_t bytes) const {
  readAt(tensor.offset + offset, to, bytes);
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

TensorToStore mixln::rt::storeFrom(std::string name, std::string dtype,
                                   std::vector<int64_t> shape,
                                   const void *data) {
  return {std::move(name), std::move(dtype), std::move(shape),
          [data](int64_t offset, void *to, int64_t bytes) {
            std::memcpy(to, static_cast<const char *>(data) + offset, bytes);
          }};
}

void mixln::rt::writeSafetensors(
    const std::string &path, const std::vector<TensorToStore> &tensors,
    const std::map<std::string, std::string> &metadata, bool syncName) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty())
    header["__metadata__"] = metadata;
  int64_t end = 0;
  std::vector<int64_t> sizes;
  for (const TensorToStore &tensor : tensors) {
    int64_t bytes = elementBytes(tensor.dtype);
    for (int64_t extent : tensor.shape)
      bytes *= extent;
    header[tensor.name] = {{"dtype", tensor.dtype},
                           {"shape", tensor.shape},
                           {"data_offsets", {end, end + bytes}}};
    sizes.push_back(bytes);
    end += bytes;
  }
  std::string text = header.dump();
  // Data begins at a multiple of 8, as the format's own writer does.
  text.resize((text.size() + 7) / 8 * 8, ' ');
  unsigned char prefix[8];
  for (int i = 0; i < 8; ++i)
    prefix[i] = static_cast<unsigned char>(text.size() >> (8 * i));

  OutputFile file(path);
  file.write(prefix, sizeof prefix);
  file.write(text);
  std::vector<char> buffer;
  for (size_t i = 0; i < tensors.size(); ++i) {
    constexpr int64_t kChunk = int64_t(16) << 20;
    for (int64_t offset = 0; offset < sizes[i]; offset += kChunk) {
      int64_t bytes = std::min(kChunk, sizes[i] - offset);
      buffer.resize(bytes);
      tensors[i].read(offset, buffer.data(), bytes);
      file.write(buffer.data(), bytes);
    }
  }
  file.commit(syncName);
}
