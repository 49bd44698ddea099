//===- Parallel.cpp -------------------------------------------------------===//

#include "support/Parallel.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
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
  std::vector<std::thread> threads;
  for (int64_t i = 1; i < std::min<int64_t>(workers, count); ++i)
    threads.emplace_back(run);
  run();
  for (std::thread &thread : threads)
    thread.join();
  if (failure)
    std::rethrow_exception(failure);
}
