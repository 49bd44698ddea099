//===- Files.h - The files a data flag names --------------------*- C++ -*-===//

#ifndef MIXLN_RT_DATA_FILES_H
#define MIXLN_RT_DATA_FILES_H

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace mixln::rt {

/// Files that match the pattern, sorted by name. An InputError when there is
/// none, or when one is not a readable file or is empty.
std::vector<std::string> expandGlob(const std::string &flag,
                                    const std::string &pattern);

/// Calls `take` with the bytes of a file, part by part. An InputError where the
/// file cannot be opened, or cannot be read to its end.
void readParts(const std::string &path,
               const std::function<void(std::string_view)> &take);

/// The whole of a file of at most `limit` bytes.
std::string readWholeFile(const std::string &path, size_t limit);

struct FileHash {
  std::string path;
  uint64_t bytes = 0;
  std::string hash; ///< of all its bytes
};

/// The hash of each file, or nothing where they have more than `limit` bytes
/// together.
std::vector<FileHash> hashWholeFiles(const std::vector<std::string> &files,
                                     uint64_t limit);

/// A hash of names, sizes and the first and last MiB of every file: it tells
/// two data sets apart without reading hundreds of gigabytes.
std::string dataFingerprint(const std::vector<std::string> &files);

} // namespace mixln::rt

#endif // MIXLN_RT_DATA_FILES_H
