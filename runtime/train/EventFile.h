//===- EventFile.h - Metrics for TensorBoard --------------------*- C++ -*-===//
//
// A file of records, each the length (8 bytes, little endian), its checksum,
// a protocol buffer `Event`, and its checksum (CRC-32C, rotated and offset).
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_RT_TRAIN_EVENTFILE_H
#define MIXLN_RT_TRAIN_EVENTFILE_H

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mixln::rt {

class EventFile {
public:
  /// A new file in `folder`. TensorBoard forgets what earlier files of the
  /// folder say about steps after `step`.
  EventFile(const std::string &folder, int64_t step);
  ~EventFile();
  EventFile(const EventFile &) = delete;
  EventFile &operator=(const EventFile &) = delete;

  /// Values of one step, by tag.
  void write(int64_t step,
             const std::vector<std::pair<std::string, double>> &values);

private:
  void record(const std::string &event);

  std::string path;
  std::FILE *file;
};

uint32_t crc32c(std::string_view data);

} // namespace mixln::rt

#endif // MIXLN_RT_TRAIN_EVENTFILE_H
