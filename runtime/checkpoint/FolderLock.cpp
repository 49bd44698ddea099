//===- FolderLock.cpp -----------------------------------------------------===//

#include "checkpoint/FolderLock.h"
#include "support/Errors.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

using namespace mixln::rt;

FolderLock::FolderLock(const std::string &folder, const std::string &taken)
    : descriptor(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (descriptor < 0 || flock(descriptor, LOCK_EX | LOCK_NB) == 0 ||
      errno != EWOULDBLOCK)
    return;
  close(descriptor);
  badInput(taken, " ", folder);
}

FolderLock::~FolderLock() {
  if (descriptor >= 0)
    close(descriptor);
}
