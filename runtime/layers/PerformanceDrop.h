//===- PerformanceDrop.h - The loss without a layer -------------*- C++ -*-===//

#ifndef MIXLN_RT_LAYERS_PERFORMANCEDROP_H
#define MIXLN_RT_LAYERS_PERFORMANCEDROP_H

#include "layers/LayerWalk.h"

#include <functional>
#include <vector>

namespace mixln::rt {

struct PerformanceDrop {
  double loss = 0; ///< of the whole model
  int64_t tokens = 0;
  /// [L]: mean loss with layer l deleted, no fine-tuning, minus `loss`.
  std::vector<double> drop;
};

/// `progress(done, all)` is told after each deletion in each micro-batch.
PerformanceDrop
measurePerformanceDrop(LayerWalk &walk, const UpdateBatch &batch,
                       const std::function<void(size_t, size_t)> &progress);

} // namespace mixln::rt

#endif // MIXLN_RT_LAYERS_PERFORMANCEDROP_H
