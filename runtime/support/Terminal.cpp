//===- Terminal.cpp -------------------------------------------------------===//

#include "support/Terminal.h"
#include "support/Errors.h"

#include <cerrno>
#include <cstdio>
#include <sys/ioctl.h>

using namespace mixln::rt;

int mixln::rt::terminalColumns(int descriptor) {
  winsize size{};
  if (ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    return size.ws_col;
  return 80;
}

void mixln::rt::finishStandardOutput() {
  // Of a write that failed before, the reason is gone.
  errno = 0;
  if (std::fflush(stdout) == 0 && !std::ferror(stdout))
    return;
  int error = errno;
  writeFailed("cannot write standard output",
              error ? ": " + systemError(error) : "");
}
