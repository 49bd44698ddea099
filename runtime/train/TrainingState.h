//===- TrainingState.h - training_state.json --------------------*- C++ -*-===//
//
// What a run needs to go on, besides weights and moments. A reader refuses
// versions that it does not know.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_RT_TRAIN_TRAININGSTATE_H
#define MIXLN_RT_TRAIN_TRAININGSTATE_H

#include "data/RowStream.h"
#include "train/RunFolder.h"
#include "train/Spikes.h"

#include <string>

namespace mixln::rt {

struct TrainingState {
  int64_t step = 0;    ///< updates done, those that were skipped included
  int64_t applied = 0; ///< without the skipped ones: Adam's count
  int64_t tokens = 0;
  StreamPosition data; ///< where the next update's rows begin
  /// What the position holds for: data, seed, T, packing.
  std::string dataKey;
  SpikeGuard spikes;
  ResolvedFlags flags;
  std::string executable; ///< its hash

  std::string toJson() const;
};

constexpr int64_t kTrainingStateFormat = 1;

/// training_state.json of a checkpoint; InputErrors name the file.
TrainingState readTrainingState(const std::string &folder);

/// "lr was 0.1, is 0.05" for every flag whose value is another one.
std::vector<std::string> changedFlags(const ResolvedFlags &before,
                                      const ResolvedFlags &now);

} // namespace mixln::rt

#endif // MIXLN_RT_TRAIN_TRAININGSTATE_H
