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

/// Rows without end: a source read again and again. The order of rows is
/// decided here and nowhere else; a shuffle is a RowSource between the files
/// and this.
class RowStream {
public:
  /// `maxEpochs` 0: no limit.
  RowStream(std::unique_ptr<RowSource> source, int64_t maxEpochs);

  /// False when the data ended and another epoch is forbidden.
  bool next(Row &row);
  int64_t epoch() const { return currentEpoch; }
  int64_t rowsInEpoch() const { return taken; }

private:
  std::unique_ptr<RowSource> source;
  int64_t maxEpochs;
  int64_t currentEpoch = 1;
  int64_t taken = 0;
};

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

  /// The next update; null when the data ended. Passes on what the thread
  /// met with, after the updates before it.
  std::unique_ptr<UpdateBatch> next();

  /// Waits for the first update; throws when there cannot be one.
  void waitUntilReady();

  /// Time that next() spent waiting.
  double waitedSeconds() const { return waited; }

private:
  void threadMain();
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
