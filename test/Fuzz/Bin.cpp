//===- Bin.cpp - Tokenized files ------------------------------------------===//

#include "Memory.h"
#include "data/BinRows.h"
#include "support/Errors.h"

#include <algorithm>

using namespace mixln::rt;
using mixln::fuzz::MemoryFile;
using mixln::fuzz::require;

static constexpr int64_t kLength = 8, kVocabulary = 1000;

/// Reads all rows, and the second half of them again from its position.
static void readRows(const std::string &path, Packing packing, int rawBits) {
  RowOptions options;
  options.length = kLength;
  options.packing = packing;
  options.vocabSize = kVocabulary;
  options.rawBits = rawBits;
  try {
    auto rows = openBinRows({path, path}, options);
    std::vector<Row> all;
    std::vector<SourcePosition> positions;
    positions.push_back(rows->position());
    for (Row row; rows->next(row); positions.push_back(rows->position())) {
      require(std::all_of(row.ids.begin(), row.ids.end(),
                          [](int32_t id) { return id >= 0 && id < 1000; }),
              "every id is below the vocabulary size");
      all.push_back(row);
    }
    size_t middle = all.size() / 2;
    rows->begin({}, positions[middle]);
    for (Row row; rows->next(row); ++middle)
      require(middle < all.size() && row.ids == all[middle].ids &&
                  row.labels == all[middle].labels,
              "rows read from a position are the rows read before");
    require(middle == all.size(), "rows read from a position are all there");
  } catch (const InputError &) {
  }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  MemoryFile file(data, size);
  readRows(file.path(), Packing::Pad, 0);
  readRows(file.path(), Packing::Concat, 0);
  readRows(file.path(), Packing::Concat, 16);
  readRows(file.path(), Packing::Concat, 32);
  return 0;
}
