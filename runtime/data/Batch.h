//===- Batch.h - What the host writes before a call -------------*- C++ -*-===//

#ifndef MIXLN_RT_DATA_BATCH_H
#define MIXLN_RT_DATA_BATCH_H

#include "data/RowStream.h"

#include <cstdint>
#include <vector>

namespace mixln::rt {

/// The inputs of one call of `gradient`, `loss` or `logits` (program.h names
/// them).
struct MicroBatch {
  std::vector<int32_t> inputIds;
  std::vector<int32_t> targets;
  std::vector<int32_t> tokenOrder;
  std::vector<int32_t> segmentStarts;
  int64_t counted = 0; ///< targets that are not -100
};

/// From `rows` rows of T ids and labels, each row after the other.
MicroBatch makeMicroBatch(const int32_t *ids, const int32_t *labels,
                          int64_t rows, int64_t length, int64_t vocabSize);

/// All rows of one update.
struct UpdateBatch {
  std::vector<int32_t> ids;    ///< [rows, T]
  std::vector<int32_t> labels; ///< [rows, T], unshifted
  std::vector<MicroBatch> micro;
  int64_t rows = 0;
  int64_t counted = 0;
  int64_t epoch = 1;    ///< of its last row
  StreamPosition after; ///< where the next update's rows begin

  /// Fills `micro` and `counted` from the rows.
  void split(int64_t microRows, int64_t length, int64_t vocabSize);
};

} // namespace mixln::rt

#endif // MIXLN_RT_DATA_BATCH_H
