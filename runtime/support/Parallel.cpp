//===- Parallel.cpp -------------------------------------------------------===//

#include "support/Parallel.h"
#include "support/Errors.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

using namespace mixln::rt;

void mixln::rt::forEachInParallel(int64_t count, int workers,
                                  const std::function<void(int64_t)> &work) {
  std::atomic<int64_t> nextNumber{0};
  std::mutex mutex;
  std::exception_ptr failure;
  int64_t failed = count;
  auto run = [&] {
    while (true) {
      int64_t number = nextNumber++;
      if (number >= count)
        return;
      try {
        work(number);
      } catch (...) {
        std::lock_guard<std::mutex> lock(mutex);
        if (number < failed) {
          failed = number;
          failure = std::current_exception();
        }
      }
    }
  };
  int64_t wanted = std::min<int64_t>(workers, count);
  std::vector<std::thread> threads;
  int refused = 0;
  try {
    for (int64_t i = 1; i < wanted; ++i)
      threads.emplace_back(run);
    run();
  } catch (const std::system_error &error) {
    // Those that run end with the number that they are at.
    refused = error.code().value();
    nextNumber = count;
  }
  for (std::thread &thread : threads)
    thread.join();
  if (refused != 0)
    runFailed("cannot start ", wanted, " threads: ", systemError(refused),
              "; give a smaller --workers");
  if (failure)
    std::rethrow_exception(failure);
}
