//===- OutputFile.cpp -----------------------------------------------------===//

#include "checkpoint/OutputFile.h"
#include "support/Errors.h"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>

using namespace mixln::rt;
namespace fs = std::filesystem;

OutputFile::OutputFile(std::string path, unsigned mode)
    : path(std::move(path)) {
  temporary = cat(this->path, ".tmp.", getpid());
  // Not through a link that somebody put into a shared folder.
  descriptor =
      open(temporary.c_str(),
           O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
  if (descriptor < 0)
    badInput("cannot write ", this->path, ": ", systemError(errno));
}

OutputFile::~OutputFile() {
  if (descriptor < 0)
    return;
  close(descriptor);
  unlink(temporary.c_str());
}

void OutputFile::write(const void *data, size_t size) {
  const char *from = static_cast<const char *>(data);
  while (size > 0) {
    ssize_t done = ::write(descriptor, from, size);
    if (done < 0 && errno == EINTR)
      continue;
    if (done <= 0)
      writeFailed("cannot write ", path, ": ", systemError(errno));
    from += done;
    size -= done;
  }
}

void OutputFile::commit(bool syncName) {
  if (fsync(descriptor) != 0 && errno != EINVAL)
    writeFailed("cannot sync ", path, ": ", systemError(errno));
  int failed = close(descriptor);
  descriptor = -1;
  if (failed || rename(temporary.c_str(), path.c_str()) != 0) {
    int error = errno;
    unlink(temporary.c_str());
    writeFailed("cannot write ", path, ": ", systemError(error));
  }
  fs::path parent = fs::path(path).parent_path();
  if (syncName)
    syncFolder(parent.empty() ? "." : parent.string());
}

void mixln::rt::writeTextFile(const std::string &path, std::string_view text) {
  OutputFile file(path);
  file.write(text);
  file.commit();
}

void mixln::rt::syncFolder(const std::string &path) {
  int folder = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0)
    runFailed("cannot open folder ", path, ": ", systemError(errno));
  // Some file systems have nothing to sync for a folder.
  if (fsync(folder) != 0 && errno != EINVAL) {
    int error = errno;
    close(folder);
    writeFailed("cannot sync folder ", path, ": ", systemError(error));
  }
  close(folder);
}

void mixln::rt::checkWritableFile(const std::string &path) {
  std::error_code error;
  if (fs::is_directory(path, error))
    badInput("cannot write ", path, ": it is a folder");
  OutputFile probe(path);
}

void mixln::rt::checkWritableFolder(const std::string &path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error)
    badInput("cannot create folder ", path, ": ", systemError(error.value()));
  if (!fs::is_directory(path, error))
    badInput(path, " is not a folder");
  OutputFile probe(path + "/.probe");
}

/// `DIR/` names the folder itself, not one inside it.
static std::string withoutTrailingSlash(std::string path) {
  while (path.size() > 1 && path.back() == '/')
    path.pop_back();
  return path;
}

std::string mixln::rt::newFolder(const std::string &name) {
  std::string path = withoutTrailingSlash(name);
  std::error_code error;
  if (fs::exists(path, error))
    badInput("cannot write ", path,
             ": it exists; give the name of a new "
             "folder");
  std::string temporary = cat(path, ".tmp.", getpid());
  fs::remove_all(temporary, error);
  fs::create_directories(temporary, error);
  if (error)
    badInput("cannot create folder ", path, ": ", systemError(error.value()));
  return temporary;
}

void mixln::rt::commitFolder(const std::string &temporary,
                             const std::string &name) {
  std::string path = withoutTrailingSlash(name);
  syncFolder(temporary);
  if (rename(temporary.c_str(), path.c_str()) != 0)
    runFailed("cannot write ", path, ": ", systemError(errno));
  fs::path parent = fs::path(path).parent_path();
  syncFolder(parent.empty() ? "." : parent.string());
}
