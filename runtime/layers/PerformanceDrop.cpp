//===- PerformanceDrop.cpp ------------------------------------------------===//
//
// The streams in front of every layer are kept, so that deleting layer l runs
// only the layers behind it.
//
//===----------------------------------------------------------------------===//

#include "layers/PerformanceDrop.h"

#include <algorithm>

using namespace mixln::rt;

PerformanceDrop mixln::rt::measurePerformanceDrop(
    LayerWalk &walk, const UpdateBatch &batch,
    const std::function<void(size_t, size_t)> &progress) {
  PerformanceDrop result;
  int64_t layers = walk.layers();
  result.drop.assign(static_cast<size_t>(layers), 0.0);
  for (size_t i = 0; i < batch.micro.size(); ++i) {
    std::vector<LayerWalk::State> before;
    walk.begin(batch.micro[i]);
    for (int64_t l = 0; l < layers; ++l) {
      before.push_back(walk.save());
      walk.layer(l);
    }
    result.loss += walk.end();
    for (int64_t deleted = 0; deleted < layers; ++deleted) {
      walk.restore(before[static_cast<size_t>(deleted)]);
      for (int64_t l = deleted + 1; l < layers; ++l)
        walk.layer(l);
      result.drop[static_cast<size_t>(deleted)] += walk.end();
      auto all = static_cast<size_t>(layers);
      progress(i * all + static_cast<size_t>(deleted) + 1,
               batch.micro.size() * all);
    }
  }
  result.tokens = batch.counted;
  double count = static_cast<double>(std::max<int64_t>(1, batch.counted));
  result.loss /= count;
  for (double &drop : result.drop)
    drop = drop / count - result.loss;
  return result;
}
