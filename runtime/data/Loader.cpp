//===- Loader.cpp ---------------------------------------------------------===//

#include "data/Loader.h"
#include "support/Errors.h"

#include <chrono>
#include <csignal>
#include <system_error>

using namespace mixln::rt;

Loader::Loader(RowStream rows, Options options)
    : rows(std::move(rows)), options(options) {
  // Signals are the main thread's.
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  int refused = 0;
  try {
    thread = std::thread([this] { threadMain(); });
  } catch (const std::system_error &error) {
    refused = error.code().value();
  }
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
  if (refused != 0)
    runFailed("cannot start the thread that reads the data: ",
              systemError(refused));
}

Loader::~Loader() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    stopping = true;
  }
  rows.cancel();
  changed.notify_all();
  thread.join();
}

std::unique_ptr<UpdateBatch> Loader::prepare() {
  auto update = std::make_unique<UpdateBatch>();
  update->rows = options.rows;
  update->ids.reserve(options.rows * options.length);
  update->labels.reserve(options.rows * options.length);
  std::vector<Row> made;
  if (!rows.next(options.rows, made))
    return nullptr;
  for (const Row &row : made) {
    update->ids.insert(update->ids.end(), row.ids.begin(), row.ids.end());
    update->labels.insert(update->labels.end(), row.labels.begin(),
                          row.labels.end());
  }
  update->epoch = rows.epoch();
  update->after = rows.position();
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

void Loader::wait(std::unique_lock<std::mutex> &lock, bool (*stop)()) {
  auto something = [&] { return ended || !ready.empty(); };
  while (!something() && !(stop && stop()))
    changed.wait_for(lock, std::chrono::milliseconds(100), something);
}

void Loader::waitUntilReady(bool (*stop)()) {
  std::unique_lock<std::mutex> lock(mutex);
  wait(lock, stop);
  if (!ended || !ready.empty())
    return;
  if (failure)
    std::rethrow_exception(failure);
  badInput("the data hold fewer rows than one update needs (", options.rows,
           "), and --max_epochs forbids reading them again");
}

std::unique_ptr<UpdateBatch> Loader::next(bool (*stop)()) {
  auto start = std::chrono::steady_clock::now();
  std::unique_lock<std::mutex> lock(mutex);
  wait(lock, stop);
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
