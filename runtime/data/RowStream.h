//===- RowStream.h - The order of training rows -----------------*- C++ -*-===//
//
// Rows without end: a source read again and again, each time in another order.
// The order depends on the data, the seed and the window alone.
//
// A shuffle in bounded memory whose place is a few integers: in each epoch the
// files are permuted, then read in blocks of `window` rows, and the rows of a
// block are permuted. Both permutations are functions of (seed, epoch, block),
// so a place is found again by reading one block.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_RT_DATA_ROWSTREAM_H
#define MIXLN_RT_DATA_ROWSTREAM_H

#include "data/Rows.h"

#include <atomic>
#include <exception>
#include <future>
#include <memory>
#include <optional>
#include <unordered_map>

namespace mixln::rt {

/// The place before a row of the stream.
struct StreamPosition {
  int64_t epoch = 1;
  int64_t block = 0;      ///< of the epoch
  int64_t rowsBefore = 0; ///< of the epoch, before the block
  SourcePosition source;  ///< where the block begins
  int64_t row = 0;        ///< rows of the block that were taken
  bool operator==(const StreamPosition &) const = default;
};

struct StreamOptions {
  bool shuffle = true;
  uint64_t seed = 32;
  int64_t window = 8192; ///< rows of a block
  int64_t maxEpochs = 0; ///< 0: no limit
  int workers = 1;       ///< threads that make rows of records
};

/// Reads blocks one after the other.
class BlockReader {
public:
  struct Block {
    StreamPosition start;
    std::vector<int32_t> codes; ///< [rows, T], by encodeRow(), as read
    /// Instead: records, of which a row is made when it is asked for, so that
    /// the first rows of a run need not wait for all of a block's.
    std::vector<std::string> records;
    /// Rows of records that were too long to be kept.
    std::unordered_map<int64_t, std::vector<int32_t>> made;
    int64_t rows = 0;
    int64_t length = 0;
    std::vector<uint32_t> order; ///< of its rows
    bool last = false;           ///< of its epoch
    std::exception_ptr failure;  ///< what ended it
  };

  BlockReader(std::unique_ptr<RowSource> source, StreamOptions options,
              const StreamPosition &from);

  Block read();
  /// Row `index` of a block, in the order of reading; also while another block
  /// is read.
  void take(const Block &block, int64_t index, Row &row) const;
  /// Makes a read() that is under way, in another thread, end soon.
  void cancel() { cancelled = true; }

private:
  void fill(Block &block);
  bool readRow(Block &block);
  void permute(Block &block) const;

  std::unique_ptr<RowSource> source;
  StreamOptions options;
  StreamPosition at;
  bool placed = false; ///< the source stands at `at`
  std::atomic<bool> cancelled{false};
};

class RowStream {
public:
  RowStream(std::unique_ptr<RowSource> source, StreamOptions options,
            const StreamPosition &from = {});
  ~RowStream();
  RowStream(RowStream &&) = default;

  /// False when the data ended and another epoch is forbidden.
  bool next(Row &row);
  /// The next `count` rows, made by several threads; false when the data ended
  /// before that.
  bool next(int64_t count, std::vector<Row> &rows);
  /// Of the row that came last.
  int64_t epoch() const { return here.epoch; }
  /// Of the row that comes next.
  StreamPosition position() const { return here; }
  /// From another thread: ends a next() that is under way.
  void cancel() { reader->cancel(); }

private:
  void load();
  bool endBlock();
  /// Rows of the present block that are left, at least one; 0 at the end.
  int64_t left();

  StreamOptions options;
  StreamPosition here;
  std::unique_ptr<BlockReader> reader;
  std::optional<BlockReader::Block> block;
  /// The block after it, while this one is used up.
  std::future<BlockReader::Block> ahead;
};

} // namespace mixln::rt

#endif // MIXLN_RT_DATA_ROWSTREAM_H
