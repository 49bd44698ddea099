//===- AngularDistance.h - How much layers turn the stream ------*- C++ -*-===//

#ifndef MIXLN_RT_LAYERS_ANGULARDISTANCE_H
#define MIXLN_RT_LAYERS_ANGULARDISTANCE_H

#include "layers/LayerWalk.h"

#include <vector>

namespace mixln::rt {

/// d = arccos(x_l . x_{l+n} / (|x_l| |x_{l+n}|)) / pi of the first residual
/// stream before layer l and before layer l + n, averaged over samples
/// (arXiv 2403.17887; 0: the layers between change nothing, 0.5: orthogonal).
class AngularDistance {
public:
  enum class Positions {
    Last, ///< one sample a row: its last position that is not padding
    All   ///< a sample for every position that is not padding
  };

  AngularDistance(int64_t layers, Positions positions);

  /// Adds one micro-batch: rows [first, first + rows of the micro-batch) of
  /// `batch`, whose streams [L + 1][R, hidden] are given.
  void add(const UpdateBatch &batch, int64_t firstRow,
           const std::vector<std::vector<float>> &streams, int64_t hidden);

  int64_t samples() const { return count; }
  /// [n - 1][l] for l = 0 .. L - n.
  std::vector<std::vector<double>> means() const;
  /// Standard errors of the means over rows: positions of one row are not
  /// independent. NaN with fewer than two rows.
  std::vector<std::vector<double>> errors() const;

private:
  int64_t layers;
  Positions positions;
  int64_t count = 0, rowCount = 0;
  double countSquares = 0; ///< of each row's samples
  /// [n - 1][l]: sums over the samples; over rows, of the squares of a row's
  /// sum and of its products with the number of the row's samples.
  std::vector<std::vector<double>> sums, squares, weighted;
};

} // namespace mixln::rt

#endif // MIXLN_RT_LAYERS_ANGULARDISTANCE_H
