//===- Curl.cpp -----------------------------------------------------------===//

#include "datatool/Curl.h"
#include "support/Errors.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <filesystem>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

using namespace mixln::rt;
namespace fs = std::filesystem;

namespace {

struct Ended {
  int status = 0;
  std::string output; ///< standard output and standard error
};

} // namespace

/// Runs curl; `show` leaves standard error to the terminal.
static Ended runCurl(const std::string &url,
                     const std::vector<std::string> &arguments, bool show) {
  // Where the address is https, so is every one that it leads to.
  std::vector<std::string> words = {
      "curl",         "--fail",        "--location", "--connect-timeout", "30",
      "--show-error", "--speed-limit", "1000",       "--speed-time",      "60"};
  if (url.starts_with("https:"))
    words.insert(words.end(), {"--proto-redir", "=https"});
  words.insert(words.end(), arguments.begin(), arguments.end());
  words.insert(words.end(), {"--", url});
  std::vector<char *> pointers;
  for (std::string &word : words)
    pointers.push_back(word.data());
  pointers.push_back(nullptr);

  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    runFailed("cannot start curl: ", systemError(errno));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  if (!show)
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
  pid_t child = -1;
  int failed =
      posix_spawnp(&child, "curl", &actions, nullptr, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  if (failed) {
    close(ends[0]);
    runFailed("cannot start curl, which fetches: ", systemError(failed));
  }
  Ended ended;
  char part[4096];
  constexpr size_t kMost = 1 << 16;
  for (ssize_t got; (got = read(ends[0], part, sizeof part)) > 0;)
    if (ended.output.size() < kMost)
      ended.output.append(part, got);
  close(ends[0]);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  ended.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  return ended;
}

/// The last line that it said, without "curl: ".
static std::string reason(const Ended &ended) {
  const std::string mark = "curl: ";
  size_t at = ended.output.rfind(mark);
  if (at == std::string::npos)
    return cat("curl ended with status ", ended.status);
  at += mark.size();
  return ended.output.substr(at, ended.output.find('\n', at) - at);
}

int64_t mixln::rt::remoteSize(const std::string &url) {
  Ended ended = runCurl(url, {"--head", "--silent"}, /*show=*/false);
  if (ended.status != 0)
    runFailed("cannot fetch ", url, ": ", reason(ended));
  std::string lower = ended.output;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  // The last of the answers that redirections led through.
  const std::string header = "\ncontent-length:";
  size_t at = lower.rfind(header);
  int64_t size = -1;
  if (at != std::string::npos) {
    at = lower.find_first_not_of(' ', at + header.size());
    if (at != std::string::npos)
      std::from_chars(lower.data() + at, lower.data() + lower.size(), size);
  }
  if (size <= 0)
    runFailed("cannot fetch ", url, ": the server does not say its size");
  return size;
}

static int64_t sizeOf(const std::string &path) {
  std::error_code error;
  auto size = static_cast<int64_t>(fs::file_size(path, error));
  return error ? 0 : size;
}

void mixln::rt::download(const std::string &url, const std::string &path,
                         int64_t size) {
  bool terminal = isatty(STDERR_FILENO);
  std::error_code error;
  if (sizeOf(path) > size)
    fs::remove(path, error);
  std::string wrong;
  constexpr int kTries = 4;
  for (int i = 0; i < kTries && sizeOf(path) < size; ++i) {
    int64_t before = sizeOf(path);
    Ended ended =
        runCurl(url,
                {terminal ? "--progress-bar" : "--silent", "--max-filesize",
                 std::to_string(size), "--continue-at", "-", "--output", path},
                terminal);
    wrong = reason(ended);
    // 33, 36: the server cannot go on in the middle.
    if ((ended.status == 33 || ended.status == 36) && before > 0)
      fs::remove(path, error);
    else if (ended.status != 0 && sizeOf(path) <= before)
      break;
  }
  int64_t got = sizeOf(path);
  if (got < size)
    runFailed("cannot fetch ", url, ": ", wrong, "; ", got, " of ", size,
              " bytes are in ", path, ", the next --fetch goes on from there");
  if (got > size) {
    fs::remove(path, error);
    runFailed("cannot fetch ", url, ": ", got, " bytes came, expected ", size);
  }
}
