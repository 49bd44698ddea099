//===- Child.cpp ----------------------------------------------------------===//

#include "Child.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <sys/prctl.h>
#include <unistd.h>

using namespace mixln::sweep;

static std::atomic<int> received{0};

void mixln::sweep::catchStop() {
  struct sigaction action = {};
  action.sa_handler = [](int signal) { received.store(signal); };
  for (int signal : {SIGINT, SIGTERM, SIGHUP})
    sigaction(signal, &action, nullptr);
}

int mixln::sweep::stopSignal() { return received.load(); }

pid_t mixln::sweep::start(const Command &command, const std::string &log,
                          std::string &error) {
  auto open = [&](const std::string &path, int mode) {
    int file =
        ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | mode, 0666);
    if (file < 0)
      error = "cannot write " + path + ": " + std::strerror(errno);
    return file;
  };
  int messages = open(log, O_APPEND);
  if (messages < 0)
    return -1;
  int output = messages;
  if (command.takesOutput)
    output = open(command.output + ".part", O_TRUNC);
  std::vector<char *> words;
  for (const std::string &word : command.words)
    words.push_back(const_cast<char *>(word.c_str()));
  words.push_back(nullptr);
  pid_t parent = getpid();
  pid_t child = output < 0 ? -1 : fork();
  if (child == 0) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    // The parent may have died before that.
    if (getppid() != parent)
      _exit(1);
    dup2(output, STDOUT_FILENO);
    dup2(messages, STDERR_FILENO);
    execvp(words[0], words.data());
    dprintf(STDERR_FILENO, "cannot run %s: %s\n", words[0],
            std::strerror(errno));
    _exit(127);
  }
  if (child < 0 && error.empty())
    error = "cannot start " + command.words[0] + ": " + std::strerror(errno);
  if (output != messages && output >= 0)
    close(output);
  close(messages);
  return child;
}

std::string mixln::sweep::lastLine(const std::string &path) {
  std::ifstream in(path, std::ios::binary);
  std::string last;
  for (std::string line; std::getline(in, line);)
    if (line.find_first_not_of(" \t\r") != std::string::npos)
      last = line;
  return last;
}
