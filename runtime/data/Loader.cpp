//===- Loader.cpp ---------------------------------------------------------===//

#include "data/Loader.h"
#include "support/Errors.h"

#include <chrono>
#include <csignal>

using namespace mixln::rt;

//===----------------------------------------------------------------------===//
// RowStream
//===----------------------------------------------------------------------===//

RowStream::RowStream(std::unique_ptr<RowSource> source, int64_t maxEpochs)
    : source(std::move(source)), maxEpochs(maxEpochs) {}

bool RowStream::next(Row &row) {
  if (source->next(row)) {
    ++taken;
    return true;
  }
  if (taken == 0)
    badInput("the data hold fewer tokens than one row");
  if (maxEpochs != 0 && currentEpoch >= maxEpochs)
    return false;
  note(cat("the data ended after ", taken, " rows; epoch ", currentEpoch + 1,
           " begins"));
  ++currentEpoch;
  taken = 0;
  source->rewind();
  return next(row);
}

//===----------------------------------------------------------------------===//
// Loader
//===----------------------------------------------------------------------===//

Loader::Loader(RowStream rows, Options options)
    : rows(std::move(rows)), options(options) {
  // Signals are the main thread's.
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  thread = std::thread([this] { threadMain(); });
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
}

Loader::~Loader() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    stopping = true;
  }
  changed.notify_all();
  thread.join();
}

std::unique_ptr<UpdateBatch> Loader::prepare() {
  auto update = std::make_unique<UpdateBatch>();
  update->rows = options.rows;
  update->ids.reserve(options.rows * options.length);
  update->labels.reserve(options.rows * options.length);
  Row row;
  for (int64_t i = 0; i < options.rows; ++i) {
    if (!rows.next(row))
      return nullptr;
    update->ids.insert(update->ids.end(), row.ids.begin(), row.ids.end());
    update->labels.insert(update->labels.end(), row.labels.begin(),
                          row.labels.end());
  }
  update->epoch = rows.epoch();
  update->split(options.microRows, options.length, options.vocabSize);
  return update;
}

void Loader::threadMain() {
  while (true) {
    std::unique_ptr<UpdateBatch> update;
    std::exception_ptr met;
    try {
      update = prepare();
    } catch (...) {
      met = std::current_exception();
    }
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, [&] {
      return stopping || ready.size() < static_cast<size_t>(options.ahead);
    });
    if (stopping)
      return;
    failure = met;
    ended = !update;
    if (update)
      ready.push_back(std::move(update));
    changed.notify_all();
    if (ended)
      return;
  }
}

void Loader::waitUntilReady() {
  std::unique_lock<std::mutex> lock(mutex);
  changed.wait(lock, [&] { return ended || !ready.empty(); });
  if (!ready.empty())
    return;
  if (failure)
    std::rethrow_exception(failure);
  badInput("the data hold fewer rows than one update needs (", options.rows,
           "), and --max_epochs forbids reading them again");
}

std::unique_ptr<UpdateBatch> Loader::next() {
  auto start = std::chrono::steady_clock::now();
  std::unique_lock<std::mutex> lock(mutex);
  changed.wait(lock, [&] { return ended || !ready.empty(); });
  waited +=
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
          .count();
  if (ready.empty()) {
    if (failure)
      std::rethrow_exception(failure);
    return nullptr;
  }
  std::unique_ptr<UpdateBatch> update = std::move(ready.front());
  ready.pop_front();
  changed.notify_all();
  return update;
}
