//===- Files.cpp ----------------------------------------------------------===//

#include "data/Files.h"
#include "support/Errors.h"
#include "support/Hash.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <glob.h>

using namespace mixln::rt;
namespace fs = std::filesystem;

std::vector<std::string> mixln::rt::expandGlob(const std::string &flag,
                                               const std::string &pattern) {
  glob_t found = {};
  int status = glob(pattern.c_str(), GLOB_TILDE, nullptr, &found);
  std::vector<std::string> files(found.gl_pathv,
                                 found.gl_pathv + found.gl_pathc);
  globfree(&found);
  if (status != 0 && status != GLOB_NOMATCH)
    badInput(flag, ": cannot read the folder of ", pattern);
  if (files.empty())
    badInput(flag, ": no file matches ", pattern);
  std::sort(files.begin(), files.end());
  for (const std::string &file : files) {
    std::error_code error;
    if (!fs::is_regular_file(file, error))
      badInput(flag, ": ", file, " is not a file");
    if (fs::file_size(file, error) == 0)
      badInput(flag, ": ", file, " is empty");
    if (!std::ifstream(file))
      badInput(flag, ": cannot open ", file, ": ", systemError(errno));
  }
  return files;
}

static constexpr size_t kPartBytes = size_t(1) << 20;

void mixln::rt::readParts(const std::string &path,
                          const std::function<void(std::string_view)> &take) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    badInput("cannot open ", path, ": ", systemError(errno));
  std::string part(kPartBytes, '\0');
  do {
    file.read(part.data(), part.size());
    take({part.data(), static_cast<size_t>(file.gcount())});
  } while (file);
  if (file.bad())
    badInput("cannot read ", path);
}

std::string mixln::rt::readWholeFile(const std::string &path, size_t limit) {
  std::error_code error;
  if (fs::is_directory(path, error))
    badInput("cannot read ", path, ": it is a folder");
  std::ifstream file(path, std::ios::binary);
  if (!file)
    badInput("cannot open ", path, ": ", systemError(errno));
  // By parts: the limit is much more than most files have.
  std::string text, part(kPartBytes, '\0');
  while (file && text.size() <= limit) {
    file.read(part.data(), part.size());
    text.append(part, 0, file.gcount());
  }
  if (file.bad())
    badInput("cannot read ", path);
  if (text.size() > limit)
    badInput(path, " is larger than ", limit, " bytes");
  return text;
}

std::vector<FileHash>
mixln::rt::hashWholeFiles(const std::vector<std::string> &files,
                          uint64_t limit) {
  std::vector<FileHash> found;
  for (const std::string &path : files) {
    std::error_code error;
    FileHash &one = found.emplace_back();
    one.path = path;
    one.bytes = fs::file_size(path, error);
    if (error || one.bytes > limit)
      return {};
    limit -= one.bytes;
  }
  for (FileHash &one : found) {
    StreamHash hash;
    readParts(one.path, [&](std::string_view part) {
      hash.add(part.data(), part.size());
    });
    one.hash = hexHash(hash.value());
  }
  return found;
}

std::string mixln::rt::dataFingerprint(const std::vector<std::string> &files) {
  StreamHash hash;
  constexpr uint64_t kEnd = 1 << 20;
  std::string part(kEnd, '\0');
  for (const std::string &path : files) {
    std::string name = fs::path(path).filename().string();
    std::error_code error;
    uint64_t size = fs::file_size(path, error);
    if (error)
      badInput("cannot read ", path, ": ", systemError(error.value()));
    hash.add(name.data(), name.size() + 1);
    hash.add(&size, sizeof size);
    std::ifstream file(path, std::ios::binary);
    for (uint64_t begin : {uint64_t(0), size > kEnd ? size - kEnd : 0}) {
      file.clear();
      file.seekg(begin);
      file.read(part.data(), kEnd);
      auto found = static_cast<uint64_t>(file.gcount());
      if (found != std::min(kEnd, size - begin))
        badInput("cannot read ", path, ": ", found, " bytes at ", begin,
                 " of its ", size);
      hash.add(part.data(), found);
    }
  }
  return hexHash(hash.value());
}
