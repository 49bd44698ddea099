//===- Errors.h - How the runtime reports failures --------------*- C++ -*-===//
//
// Two kinds reach the user: what the user can mend (exit status 2) and what
// went wrong while running (exit status 1). Texts are lower case, name the
// file, flag or tensor at fault, what was found and what was expected.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_RT_SUPPORT_ERRORS_H
#define MIXLN_RT_SUPPORT_ERRORS_H

#include <sstream>
#include <stdexcept>
#include <string>

namespace mixln::rt {

enum ExitStatus : int {
  ExitDone = 0,
  ExitFailed = 1,
  ExitBadInput = 2,
  ExitStopped = 75
};

/// Bad usage or bad input.
struct InputError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The run itself failed.
struct RunError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Of those: a file that could not be written.
struct WriteError : RunError {
  using RunError::RunError;
};

template <typename... Parts> std::string cat(const Parts &...parts) {
  std::ostringstream stream;
  (stream << ... << parts);
  return stream.str();
}

template <typename... Parts> [[noreturn]] void badInput(const Parts &...parts) {
  throw InputError(cat(parts...));
}

template <typename... Parts>
[[noreturn]] void runFailed(const Parts &...parts) {
  throw RunError(cat(parts...));
}

template <typename... Parts>
[[noreturn]] void writeFailed(const Parts &...parts) {
  throw WriteError(cat(parts...));
}

/// "no such file or directory" for an errno value, in lower case.
std::string systemError(int error);

/// What `work` gives; an InputError of it that does not begin with a flag gets
/// this one before it.
template <typename Work>
auto naming(const std::string &flag, const Work &work) {
  try {
    return work();
  } catch (const InputError &error) {
    std::string text = error.what();
    if (text.starts_with("--"))
      throw;
    badInput(flag, ": ", text);
  }
}

/// A line on standard error.
void note(const std::string &text);

} // namespace mixln::rt

#endif // MIXLN_RT_SUPPORT_ERRORS_H
