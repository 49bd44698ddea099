//===- LayerWalk.h - The forward, layer by layer ----------------*- C++ -*-===//

#ifndef MIXLN_RT_LAYERS_LAYERWALK_H
#define MIXLN_RT_LAYERS_LAYERWALK_H

#include "train/Model.h"

#include <string>
#include <vector>

namespace mixln::rt {

/// Runs the entries `layers.begin`, `layers.0`, ..., `layers.end` of a
/// program, between which the residual streams lie in tensors.
class LayerWalk {
public:
  /// A RunError when the program has no such entries.
  explicit LayerWalk(Model &model);

  int64_t layers() const { return model.program().numLayers; }

  /// What all streams hold between two layers.
  using State = std::vector<std::vector<float>>;

  void begin(const MicroBatch &batch);
  void layer(int64_t index);
  /// From the streams as they are to the sum of the losses of the batch.
  double end();

  State save() const;
  void restore(const State &state);
  /// The first stream, [R, hidden].
  std::vector<float> stream() const { return model.read(names.front()); }

private:
  Model &model;
  std::vector<std::string> names; ///< of the streams' tensors
};

} // namespace mixln::rt

#endif // MIXLN_RT_LAYERS_LAYERWALK_H
