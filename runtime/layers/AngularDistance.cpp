//===- AngularDistance.cpp ------------------------------------------------===//

#include "layers/AngularDistance.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

using namespace mixln::rt;

AngularDistance::AngularDistance(int64_t layers, Positions positions)
    : layers(layers), positions(positions) {
  for (int64_t n = 1; n <= layers; ++n) {
    sums.emplace_back(layers - n + 1, 0.0);
    squares.emplace_back(layers - n + 1, 0.0);
    weighted.emplace_back(layers - n + 1, 0.0);
  }
}

static double dot(const float *a, const float *b, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i)
    sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

/// Positions of a row before its padding: trailing labels of -100 are padding
/// unless all are.
static int64_t lengthOf(const int32_t *labels, int64_t length) {
  int64_t real = length;
  while (real > 0 && labels[real - 1] == -100)
    --real;
  return real ? real : length;
}

void AngularDistance::add(const UpdateBatch &batch, int64_t firstRow,
                          const std::vector<std::vector<float>> &streams,
                          int64_t hidden) {
  int64_t length = static_cast<int64_t>(batch.labels.size()) / batch.rows;
  int64_t rows = static_cast<int64_t>(streams[0].size()) / (hidden * length);
  for (int64_t row = 0; row < rows; ++row) {
    int64_t real = lengthOf(&batch.labels[(firstRow + row) * length], length);
    int64_t from = positions == Positions::Last ? real - 1 : 0;
    auto ofRow = sums;
    for (auto &line : ofRow)
      std::fill(line.begin(), line.end(), 0.0);
    for (int64_t t = from; t < real; ++t) {
      int64_t at = (row * length + t) * hidden;
      std::vector<double> norms;
      for (const std::vector<float> &stream : streams)
        norms.push_back(std::sqrt(dot(&stream[at], &stream[at], hidden)));
      ++count;
      for (int64_t n = 1; n <= layers; ++n)
        for (int64_t l = 0; l + n <= layers; ++l) {
          double cosine = dot(&streams[l][at], &streams[l + n][at], hidden) /
                          (norms[l] * norms[l + n]);
          double angle =
              std::acos(std::clamp(cosine, -1.0, 1.0)) / std::numbers::pi;
          ofRow[n - 1][l] += angle;
        }
    }
    auto samples = static_cast<double>(real - from);
    ++rowCount;
    countSquares += samples * samples;
    for (size_t i = 0; i < ofRow.size(); ++i)
      for (size_t l = 0; l < ofRow[i].size(); ++l) {
        double sum = ofRow[i][l];
        sums[i][l] += sum;
        squares[i][l] += sum * sum;
        weighted[i][l] += sum * samples;
      }
  }
}

std::vector<std::vector<double>> AngularDistance::means() const {
  auto result = sums;
  for (auto &line : result)
    for (double &value : line)
      value /= static_cast<double>(count);
  return result;
}

/// Of a mean over rows of unequal numbers of samples n_r with sums t_r (a ratio
/// estimate): sqrt(R / (R - 1) * sum (t_r - mean n_r)^2) / sum n_r.
std::vector<std::vector<double>> AngularDistance::errors() const {
  auto result = means();
  auto rows = static_cast<double>(rowCount), all = static_cast<double>(count);
  for (size_t i = 0; i < result.size(); ++i)
    for (size_t l = 0; l < result[i].size(); ++l) {
      double mean = result[i][l];
      double spread = squares[i][l] - 2 * mean * weighted[i][l] +
                      mean * mean * countSquares;
      result[i][l] =
          rowCount > 1
              ? std::sqrt(std::max(0.0, spread) * rows / (rows - 1)) / all
              : std::numeric_limits<double>::quiet_NaN();
    }
  return result;
}
