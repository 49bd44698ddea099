//===- RowStream.cpp ------------------------------------------------------===//

#include "data/RowStream.h"
#include "random/Philox.h"
#include "support/Errors.h"
#include "support/Parallel.h"

#include <algorithm>
#include <numeric>

using namespace mixln::rt;

/// A permutation of [0, count) that depends on its arguments alone (Fisher and
/// Yates, on counter-based numbers).
template <typename Index>
static std::vector<Index> permutation(int64_t count, uint64_t seed,
                                      const char *what, int64_t epoch,
                                      int64_t block) {
  std::vector<Index> order(count);
  std::iota(order.begin(), order.end(), Index(0));
  auto key = streamKey(seed, cat(what, ".", epoch, ".", block));
  for (int64_t i = count - 1; i > 0; --i) {
    auto words = philox4x32({uint32_t(i), uint32_t(i >> 32), 0, 0}, key);
    uint64_t random = uint64_t(words[0]) << 32 | words[1];
    auto other = static_cast<int64_t>(
        static_cast<unsigned __int128>(random) * uint64_t(i + 1) >> 64);
    std::swap(order[i], order[other]);
  }
  return order;
}

//===----------------------------------------------------------------------===//
// BlockReader
//===----------------------------------------------------------------------===//

BlockReader::BlockReader(std::unique_ptr<RowSource> source,
                         StreamOptions options, const StreamPosition &from)
    : source(std::move(source)), options(options), at(from) {
  at.row = 0;
}

void BlockReader::fill(Block &block) {
  if (!placed) {
    std::vector<size_t> order;
    if (options.shuffle)
      order = permutation<size_t>(source->fileCount(), options.seed, "files",
                                  at.epoch, 0);
    source->begin(order, at.source);
    placed = true;
  }
  at.source = source->position();
  block.start = at;
  while (block.rows < options.window) {
    if (cancelled)
      runFailed("reading was cancelled");
    if (!readRow(block)) {
      block.last = true;
      return;
    }
    ++block.rows;
  }
}

/// Longer texts are made into rows at once, so that the memory of a block stays
/// bounded.
static constexpr size_t kMostText = 16384;

bool BlockReader::readRow(Block &block) {
  if (source->hasRecords()) {
    std::string record;
    if (!source->nextRecord(record))
      return false;
    if (record.size() > kMostText) {
      Row row;
      source->makeRow(record, row);
      block.made[block.rows] = encodeRow(row);
      record.clear();
    }
    record.shrink_to_fit();
    block.records.push_back(std::move(record));
    return true;
  }
  Row row;
  if (!source->next(row))
    return false;
  block.length = row.labels.size();
  std::vector<int32_t> codes = encodeRow(row);
  block.codes.insert(block.codes.end(), codes.begin(), codes.end());
  return true;
}

void BlockReader::take(const Block &block, int64_t index, Row &row) const {
  auto made = block.made.find(index);
  if (block.records.empty())
    decodeRow(block.codes.data() + index * block.length, block.length, row);
  else if (made != block.made.end())
    decodeRow(made->second.data(), int64_t(made->second.size()), row);
  else
    source->makeRow(block.records[index], row);
}

void BlockReader::permute(Block &block) const {
  if (options.shuffle) {
    block.order = permutation<uint32_t>(block.rows, options.seed, "rows",
                                        block.start.epoch, block.start.block);
    return;
  }
  block.order.resize(block.rows);
  std::iota(block.order.begin(), block.order.end(), 0u);
}

BlockReader::Block BlockReader::read() {
  Block block;
  block.start = at;
  try {
    fill(block);
  } catch (...) {
    block.failure = std::current_exception();
    // The rows of a shuffled block are known when all are.
    if (options.shuffle)
      block.rows = 0;
  }
  permute(block);
  if (block.last) {
    StreamPosition next;
    next.epoch = at.epoch + 1;
    at = next;
    placed = false;
  } else {
    ++at.block;
    at.rowsBefore += block.rows;
  }
  return block;
}

//===----------------------------------------------------------------------===//
// RowStream
//===----------------------------------------------------------------------===//

RowStream::RowStream(std::unique_ptr<RowSource> source, StreamOptions given,
                     const StreamPosition &from)
    : options(given), here(from) {
  // In the files' order a block is only a unit of reading.
  if (!options.shuffle)
    options.window = std::min<int64_t>(options.window, 256);
  reader = std::make_unique<BlockReader>(std::move(source), options, from);
}

RowStream::~RowStream() {
  if (reader)
    reader->cancel();
}

void RowStream::load() {
  block = ahead.valid() ? ahead.get() : reader->read();
  // The first block may have been begun by an earlier run.
  int64_t taken =
      here.block == block->start.block && here.epoch == block->start.epoch
          ? here.row
          : 0;
  here = block->start;
  here.row = std::min(taken, block->rows);
  bool ends =
      block->last && options.maxEpochs != 0 && here.epoch >= options.maxEpochs;
  if (!block->failure && !ends)
    ahead = std::async(std::launch::async,
                       [r = reader.get()] { return r->read(); });
}

/// False when no further block may come.
bool RowStream::endBlock() {
  if (block->failure)
    std::rethrow_exception(block->failure);
  if (block->last) {
    int64_t rows = here.rowsBefore + block->rows;
    if (rows == 0)
      badInput("the data hold fewer tokens than one row");
    if (options.maxEpochs != 0 && here.epoch >= options.maxEpochs)
      return false;
    note(cat("the data ended after ", rows, " rows; epoch ", here.epoch + 1,
             options.shuffle ? " begins, in another order" : " begins"));
  }
  block.reset();
  return true;
}

int64_t RowStream::left() {
  while (true) {
    if (!block)
      load();
    if (here.row < block->rows)
      return block->rows - here.row;
    if (!endBlock())
      return 0;
  }
}

bool RowStream::next(Row &row) {
  if (left() == 0)
    return false;
  reader->take(*block, block->order[here.row], row);
  ++here.row;
  return true;
}

bool RowStream::next(int64_t count, std::vector<Row> &rows) {
  rows.resize(count);
  for (int64_t done = 0; done < count;) {
    int64_t some = std::min(left(), count - done);
    if (some == 0)
      return false;
    // Only rows of records are work.
    int workers = block->records.empty() ? 1 : options.workers;
    forEachInParallel(some, workers, [&](int64_t i) {
      reader->take(*block, block->order[here.row + i], rows[done + i]);
    });
    here.row += some;
    done += some;
  }
  return true;
}
