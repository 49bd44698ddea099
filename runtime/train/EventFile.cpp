//===- EventFile.cpp ------------------------------------------------------===//

#include "train/EventFile.h"
#include "support/Errors.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <unistd.h>

using namespace mixln::rt;

uint32_t mixln::rt::crc32c(std::string_view data) {
  static const std::array<uint32_t, 256> table = [] {
    std::array<uint32_t, 256> made;
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit)
        value = value >> 1 ^ (value & 1 ? 0x82f63b78u : 0);
      made[i] = value;
    }
    return made;
  }();
  uint32_t crc = ~0u;
  for (char c : data)
    crc = table[(crc ^ static_cast<unsigned char>(c)) & 255] ^ crc >> 8;
  return ~crc;
}

//===----------------------------------------------------------------------===//
// Protocol buffers
//===----------------------------------------------------------------------===//

template <typename T> static std::string fixed(T value) {
  std::string out(sizeof value, '\0');
  std::memcpy(out.data(), &value, sizeof value);
  return out;
}

static std::string varint(uint64_t value) {
  std::string out;
  for (; value >= 128; value >>= 7)
    out.push_back(static_cast<char>((value & 127) | 128));
  out.push_back(static_cast<char>(value));
  return out;
}

enum WireType { Varint = 0, Fixed64 = 1, Bytes = 2, Fixed32 = 5 };

static std::string field(int number, WireType type, const std::string &value) {
  std::string out = varint(uint64_t(number) << 3 | type);
  if (type == Bytes)
    out += varint(value.size());
  return out + value;
}

/// Event: 1 wall_time, 2 step, 3 file_version, 5 summary, 7 session_log.
static std::string event(int64_t step, int content, const std::string &value) {
  double now = std::chrono::duration<double>(
                   std::chrono::system_clock::now().time_since_epoch())
                   .count();
  return field(1, Fixed64, fixed(now)) +
         field(2, Varint, varint(uint64_t(step))) +
         field(content, Bytes, value);
}

//===----------------------------------------------------------------------===//
// EventFile
//===----------------------------------------------------------------------===//

EventFile::EventFile(const std::string &folder, int64_t step) {
  auto seconds = std::chrono::duration_cast<std::chrono::milliseconds>(
                     std::chrono::system_clock::now().time_since_epoch())
                     .count();
  path = cat(folder, "/events.out.tfevents.", seconds / 1000, ".mixln.",
             seconds % 1000, ".", getpid());
  file = std::fopen(path.c_str(), "we");
  if (!file)
    badInput("cannot write ", path, ": ", systemError(errno));
  record(event(0, 3, "brain.Event:2"));
  // Status START: the viewer forgets what files before this one say of later
  // steps. Also at step 0, which a run begins again that was killed before its
  // first checkpoint.
  record(event(step + 1, 7, field(1, Varint, varint(1))));
}

EventFile::~EventFile() { std::fclose(file); }

void EventFile::record(const std::string &text) {
  auto masked = [](std::string_view data) {
    uint32_t crc = crc32c(data);
    return fixed(uint32_t((crc >> 15 | crc << 17) + 0xa282ead8u));
  };
  std::string length = fixed(uint64_t(text.size()));
  std::string all = length + masked(length) + text + masked(text);
  if (std::fwrite(all.data(), 1, all.size(), file) != all.size() ||
      std::fflush(file) != 0)
    writeFailed("cannot write ", path, ": ", systemError(errno));
}

void EventFile::write(
    int64_t step, const std::vector<std::pair<std::string, double>> &values) {
  std::string summary;
  for (auto &[tag, value] : values) // Value: 1 tag, 2 simple_value
    summary += field(1, Bytes,
                     field(1, Bytes, tag) +
                         field(2, Fixed32, fixed(static_cast<float>(value))));
  record(event(step, 5, summary));
}
