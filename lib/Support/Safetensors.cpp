//===- Safetensors.cpp - Reads and writes safetensors files ---------------===//

#include "mixln/Support/Safetensors.h"

#include "mixln-rt/json-nesting.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>

using namespace llvm;
using namespace mixln;

/// As the runtime's reader.
static constexpr uint64_t kMaxHeaderBytes = 25'000'000;
static constexpr int kMaxNesting = 8;
/// Doubles hold every integer up to here.
static constexpr int64_t kMaxInteger = int64_t(1) << 53;

static Error error(const Twine &file, const Twine &message) {
  return createStringError(file + ": " + message);
}

/// Bytes of an element, or 0 for a type that is not read.
static uint64_t elementBytes(StringRef type) {
  if (type == "F32" || type == "I32")
    return 4;
  return type == "F64" || type == "I64" ? 8 : 0;
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

namespace {
/// One tensor of a header.
struct Entry {
  NamedTensor tensor;
  uint64_t begin = 0, end = 0;
};
} // namespace

/// A number of a header that is an integer of at least zero.
static std::optional<uint64_t> readCount(const json::Value &value) {
  std::optional<int64_t> number = value.getAsInteger();
  if (!number || *number < 0)
    return std::nullopt;
  return static_cast<uint64_t>(*number);
}

static Expected<Entry> readEntry(StringRef file, StringRef name,
                                 const json::Value &value) {
  std::string where = (file + ": tensor '" + name + "'").str();
  const json::Object *object = value.getAsObject();
  if (!object)
    return error(where, "is not an object");
  for (const auto &[key, ignored] : *object)
    if (StringRef text = key;
        text != "dtype" && text != "shape" && text != "data_offsets")
      return error(where, "has the unknown key '" + text + "'");

  Entry entry;
  entry.tensor.name = name.str();
  std::optional<StringRef> type = object->getString("dtype");
  if (!type)
    return error(where, "has no dtype");
  uint64_t bytes = elementBytes(*type);
  if (bytes == 0)
    return error(where, "has dtype " + *type +
                            ", expected F32, F64, I32 or "
                            "I64");
  entry.tensor.type = type->str();

  const json::Array *shape = object->getArray("shape");
  if (!shape)
    return error(where, "has no shape");
  for (const json::Value &extent : *shape) {
    std::optional<uint64_t> count = readCount(extent);
    if (!count)
      return error(where, "has an extent that is not an integer of at least 0");
    entry.tensor.shape.push_back(static_cast<int64_t>(*count));
    if (*count != 0 && bytes > UINT64_MAX / *count)
      return error(where, "has a size that overflows");
    bytes *= *count;
  }

  const json::Array *offsets = object->getArray("data_offsets");
  if (!offsets || offsets->size() != 2 || !readCount((*offsets)[0]) ||
      !readCount((*offsets)[1]))
    return error(where, "has data_offsets that are not two integers of at "
                        "least 0");
  entry.begin = *readCount((*offsets)[0]);
  entry.end = *readCount((*offsets)[1]);
  if (entry.begin > entry.end || entry.end - entry.begin != bytes)
    return error(where, "has data_offsets [" + Twine(entry.begin) + ", " +
                            Twine(entry.end) + ") but its shape needs " +
                            Twine(bytes) + " bytes");
  return entry;
}

static Error readElements(StringRef file, StringRef bytes,
                          NamedTensor &tensor) {
  uint64_t size = elementBytes(tensor.type);
  tensor.data.resize(bytes.size() / size);
  for (auto [i, element] : enumerate(tensor.data)) {
    const char *at = bytes.data() + i * size;
    if (tensor.type == "F32") {
      element = bit_cast<float>(support::endian::read32le(at));
    } else if (tensor.type == "F64") {
      element = bit_cast<double>(support::endian::read64le(at));
    } else if (tensor.type == "I32") {
      element = static_cast<int32_t>(support::endian::read32le(at));
    } else {
      auto number = static_cast<int64_t>(support::endian::read64le(at));
      if (number > kMaxInteger || number < -kMaxInteger)
        return error(file, "tensor '" + tensor.name + "' has the integer " +
                               Twine(number) + ", beyond 2^53");
      element = static_cast<double>(number);
    }
  }
  return Error::success();
}

Expected<std::vector<NamedTensor>> mixln::parseSafetensors(StringRef bytes,
                                                           StringRef name) {
  if (bytes.size() < 8)
    return error(name,
                 "has " + Twine(bytes.size()) + " bytes, too few for a header");
  uint64_t headerBytes = support::endian::read64le(bytes.data());
  if (headerBytes > kMaxHeaderBytes || headerBytes > bytes.size() - 8)
    return error(name, "claims a header of " + Twine(headerBytes) +
                           " bytes in a file of " + Twine(bytes.size()));
  StringRef header = bytes.substr(8, headerBytes);
  StringRef data = bytes.drop_front(8 + headerBytes);
  if (!header.starts_with("{"))
    return error(name, "has a header that does not start with '{'");
  if (rt::findTooDeep(header, kMaxNesting))
    return error(name, "has a header that is nested deeper than " +
                           Twine(kMaxNesting) + " levels");
  Expected<json::Value> parsed = json::parse(header);
  if (!parsed)
    return error(name, "header: " + toString(parsed.takeError()));

  std::vector<Entry> entries;
  for (const auto &[key, value] : *parsed->getAsObject()) {
    if (StringRef(key) == "__metadata__")
      continue;
    Expected<Entry> entry = readEntry(name, key, value);
    if (!entry)
      return entry.takeError();
    entries.push_back(std::move(*entry));
  }
  sort(entries, [](const Entry &a, const Entry &b) {
    return std::tie(a.begin, a.end, a.tensor.name) <
           std::tie(b.begin, b.end, b.tensor.name);
  });

  std::vector<NamedTensor> tensors;
  uint64_t covered = 0;
  for (Entry &entry : entries) {
    if (entry.end > data.size())
      return error(name, "tensor '" + entry.tensor.name + "' ends at byte " +
                             Twine(entry.end) + " of " + Twine(data.size()) +
                             " bytes of data");
    if (entry.begin != covered)
      return error(name, "tensor '" + entry.tensor.name + "' starts at byte " +
                             Twine(entry.begin) + ", expected " +
                             Twine(covered));
    covered = entry.end;
    if (Error failure = readElements(name, data.slice(entry.begin, entry.end),
                                     entry.tensor))
      return std::move(failure);
    tensors.push_back(std::move(entry.tensor));
  }
  if (covered != data.size())
    return error(name, "has " + Twine(data.size()) +
                           " bytes of data but its tensors cover " +
                           Twine(covered));
  return tensors;
}

Expected<std::vector<NamedTensor>> mixln::readSafetensors(StringRef path) {
  // Devices and pipes have no size to check against.
  if (sys::fs::exists(path) && !sys::fs::is_regular_file(path))
    return error(path, "is not a regular file");
  ErrorOr<std::unique_ptr<MemoryBuffer>> buffer =
      MemoryBuffer::getFile(path, /*IsText=*/false,
                            /*RequiresNullTerminator=*/false);
  if (!buffer)
    return error(path, buffer.getError().message());
  return parseSafetensors((*buffer)->getBuffer(), path);
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

static void writeElements(raw_ostream &os, const NamedTensor &tensor) {
  char bytes[8];
  for (double element : tensor.data) {
    if (tensor.type == "F32")
      support::endian::write32le(
          bytes, bit_cast<uint32_t>(static_cast<float>(element)));
    else if (tensor.type == "F64")
      support::endian::write64le(bytes, bit_cast<uint64_t>(element));
    else if (tensor.type == "I32")
      support::endian::write32le(bytes, static_cast<int32_t>(element));
    else
      support::endian::write64le(bytes, static_cast<int64_t>(element));
    os.write(bytes, elementBytes(tensor.type));
  }
}

Error mixln::writeSafetensors(StringRef path, ArrayRef<NamedTensor> tensors) {
  std::string header;
  raw_string_ostream stream(header);
  json::OStream json(stream);
  uint64_t offset = 0;
  json.objectBegin();
  for (const NamedTensor &tensor : tensors) {
    uint64_t bytes = elementBytes(tensor.type);
    if (bytes == 0)
      return error(path, "tensor '" + tensor.name + "' has dtype " +
                             tensor.type + ", expected F32, F64, I32 or I64");
    uint64_t end = offset + bytes * tensor.data.size();
    json.attributeObject(tensor.name, [&] {
      json.attribute("dtype", tensor.type);
      json.attributeArray("shape", [&] {
        for (int64_t extent : tensor.shape)
          json.value(extent);
      });
      json.attributeArray("data_offsets", [&] {
        json.value(static_cast<int64_t>(offset));
        json.value(static_cast<int64_t>(end));
      });
    });
    offset = end;
  }
  json.objectEnd();
  // The data starts at a multiple of eight bytes.
  header.append((8 - header.size() % 8) % 8, ' ');

  Error failure = writeToOutput(path, [&](raw_ostream &os) -> Error {
    char size[8];
    support::endian::write64le(size, header.size());
    os.write(size, 8);
    os << header;
    for (const NamedTensor &tensor : tensors)
      writeElements(os, tensor);
    return Error::success();
  });
  if (failure)
    return error(path, toString(std::move(failure)));
  return Error::success();
}
