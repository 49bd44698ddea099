//===- LayerNorms.h - Gradient norms and stream RMS by layer ----*- C++ -*-===//

#ifndef MIXLN_RT_LAYERS_LAYERNORMS_H
#define MIXLN_RT_LAYERS_LAYERNORMS_H

#include "layers/Measurements.h"

#include <string>
#include <vector>

namespace mixln::rt {

/// Measurements of one batch, averaged over its micro-batches where they are
/// not sums.
struct LayerNorms {
  double loss = 0;
  /// [L]: L2 norm of the gradient of a layer's parameters.
  std::vector<double> gradientNorm;
  /// [L + 1]: RMS of the residual stream over all positions, after the
  /// embedding and after each layer.
  std::vector<double> streamRms;
  /// The program's own: of the first micro-batch, and of weights and gradients.
  Measurements measured;
};

/// Runs the measuring entries on `batch`; the weights stay as they are.
LayerNorms measureLayers(Model &model, const UpdateBatch &batch);

/// The measurements as bars, one line a layer, at most `columns` wide. Both
/// columns are logarithmic: a bar's length shows the decades above the
/// smallest value.
std::string drawLayers(const LayerNorms &layers, int columns);

/// Likewise: the angular distance of each layer to the next, and the loss that
/// its removal costs.
std::string drawTurns(const std::vector<double> &angles,
                      const std::vector<double> &drops, int columns);

} // namespace mixln::rt

#endif // MIXLN_RT_LAYERS_LAYERNORMS_H
