//===- Loader.h - Updates, prepared ahead by a thread -----------*- C++ -*-===//

#ifndef MIXLN_RT_DATA_LOADER_H
#define MIXLN_RT_DATA_LOADER_H

#include "data/Batch.h"

#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>

namespace mixln::rt {

/// Prepares updates in a background thread and hands them out in order.
class Loader {
public:
  struct Options {
    int64_t rows = 0;      ///< an update's
    int64_t microRows = 0; ///< a micro-batch's
    int64_t length = 0;
    int64_t vocabSize = 0;
    int64_t ahead = 4; ///< updates kept ready at most
  };

  Loader(RowStream rows, Options options);
  ~Loader();
  Loader(const Loader &) = delete;
  Loader &operator=(const Loader &) = delete;

  /// The next update; null when the data ended, or when `stop`, asked while it
  /// waits, says so. Passes on what the thread met with, after the updates
  /// before it.
  std::unique_ptr<UpdateBatch> next(bool (*stop)() = nullptr);

  /// Waits for the first update, or for `stop`; throws when there cannot be
  /// one.
  void waitUntilReady(bool (*stop)() = nullptr);

  /// Time that next() spent waiting.
  double waitedSeconds() const { return waited; }

private:
  void threadMain();
  void wait(std::unique_lock<std::mutex> &lock, bool (*stop)());
  std::unique_ptr<UpdateBatch> prepare();

  RowStream rows;
  Options options;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::unique_ptr<UpdateBatch>> ready;
  std::exception_ptr failure;
  bool ended = false;
  bool stopping = false;
  double waited = 0;
  std::thread thread;
};

} // namespace mixln::rt

#endif // MIXLN_RT_DATA_LOADER_H
