//===- Batch.cpp ----------------------------------------------------------===//

#include "data/Batch.h"

#include <algorithm>

using namespace mixln::rt;

/// A counting sort: positions by (token, position), so that the embedding's
/// gradient sums in a fixed order.
static void sortByToken(MicroBatch &batch, int64_t vocabSize) {
  int64_t positions = batch.inputIds.size();
  std::vector<int32_t> next(vocabSize + 1, 0);
  for (int32_t id : batch.inputIds)
    ++next[id + 1];
  batch.segmentStarts.reserve(positions + 1);
  for (int64_t token = 0; token < vocabSize; ++token) {
    if (next[token + 1] != 0)
      batch.segmentStarts.push_back(next[token]);
    next[token + 1] += next[token];
  }
  batch.segmentStarts.resize(positions + 1, static_cast<int32_t>(positions));
  batch.tokenOrder.resize(positions);
  for (int64_t i = 0; i < positions; ++i)
    batch.tokenOrder[next[batch.inputIds[i]]++] = static_cast<int32_t>(i);
}

MicroBatch mixln::rt::makeMicroBatch(const int32_t *ids, const int32_t *labels,
                                     int64_t rows, int64_t length,
                                     int64_t vocabSize) {
  MicroBatch batch;
  int64_t positions = rows * length;
  batch.inputIds.assign(ids, ids + positions);
  batch.targets.resize(positions);
  for (int64_t row = 0; row < rows; ++row) {
    int32_t *to = batch.targets.data() + row * length;
    std::copy_n(labels + row * length + 1, length - 1, to);
    to[length - 1] = kNotCounted;
  }
  batch.counted = positions - std::count(batch.targets.begin(),
                                         batch.targets.end(), kNotCounted);
  sortByToken(batch, vocabSize);
  return batch;
}

void UpdateBatch::split(int64_t microRows, int64_t length, int64_t vocabSize) {
  micro.clear();
  counted = 0;
  for (int64_t row = 0; row < rows; row += microRows) {
    micro.push_back(makeMicroBatch(ids.data() + row * length,
                                   labels.data() + row * length, microRows,
                                   length, vocabSize));
    counted += micro.back().counted;
  }
}
