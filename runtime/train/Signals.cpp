//===- Signals.cpp --------------------------------------------------------===//

#include "train/Signals.h"

#include <atomic>
#include <csignal>

using namespace mixln::rt;

static std::atomic<int> received{0};
static_assert(std::atomic<int>::is_always_lock_free);

static void onSignal(int number) {
  if (number == SIGINT && received.load() == SIGINT) {
    std::signal(SIGINT, SIG_DFL);
    std::raise(SIGINT);
    return;
  }
  received.store(number);
}

void mixln::rt::catchStopSignals() {
  received = 0;
  struct sigaction action = {};
  action.sa_handler = onSignal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (int number : {SIGTERM, SIGINT, SIGUSR1})
    sigaction(number, &action, nullptr);
  // A file that may not grow is a failed write, reported as such.
  std::signal(SIGXFSZ, SIG_IGN);
}

bool mixln::rt::stopRequested() {
  return received.load(std::memory_order_relaxed) != 0;
}

const char *mixln::rt::stopSignal() {
  switch (received.load()) {
  case SIGTERM:
    return "SIGTERM";
  case SIGINT:
    return "SIGINT";
  case SIGUSR1:
    return "SIGUSR1";
  default:
    return nullptr;
  }
}
