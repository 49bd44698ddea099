//===- LayerNorms.cpp - Gradient norms and stream RMS by layer ------------===//

#include "layers/LayerNorms.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

using namespace mixln::rt;

LayerNorms mixln::rt::measureLayers(Model &model, const UpdateBatch &batch) {
  LayerNorms layers;
  double squares = 0;
  std::vector<double> streamSquares(model.program().numLayers + 1, 0.0);
  model.setScalar("z_loss_scale", 0);
  model.setScalar("loss_scale", 1.0 / static_cast<double>(
                                          std::max<int64_t>(1, batch.counted)));
  // The measuring entry overwrites the gradients: the first micro-batch runs
  // it, the others measure their stream first and then add theirs.
  for (size_t i = batch.micro.size(); i-- > 0;) {
    model.writeInputs(batch.micro[i]);
    model.run("gradient.measured");
    std::vector<float> rms = model.read("stream_rms");
    for (size_t k = 0; k < rms.size(); ++k)
      streamSquares[k] += static_cast<double>(rms[k]) * rms[k];
    squares += model.read("loss_sum")[0];
    if (i == 0)
      layers.measured = readMeasurements(model, MeasuredBy::Step);
  }
  for (size_t i = 1; i < batch.micro.size(); ++i) {
    model.writeInputs(batch.micro[i]);
    model.run("gradient_add");
  }
  model.run("gradient_norms");
  for (float norm : model.read("layer_grad_norm"))
    layers.gradientNorm.push_back(norm);
  layers.measured.merge(measureNow(model, MeasuredBy::Parameters));
  for (double sum : streamSquares)
    layers.streamRms.push_back(
        std::sqrt(sum / static_cast<double>(batch.micro.size())));
  layers.loss =
      squares / static_cast<double>(std::max<int64_t>(1, batch.counted));
  return layers;
}

namespace {
/// Values as bars on a logarithmic axis.
class Bars {
public:
  Bars(const std::vector<double> &values, int width) : width(width) {
    for (double value : values)
      if (value > 0 && std::isfinite(value)) {
        low = std::min(low, std::log10(value));
        high = std::max(high, std::log10(value));
      }
    // Less than a decade is drawn as one: noise must not look like a trend.
    if (high - low < 1) {
      double middle = (low + high) / 2;
      low = middle - 0.5;
      high = middle + 0.5;
    }
  }

  std::string draw(double value) const {
    char number[32];
    std::snprintf(number, sizeof(number), "%10.3g ", value);
    int length = 0;
    if (value > 0 && std::isfinite(value))
      length = 1 + static_cast<int>(std::lround((std::log10(value) - low) /
                                                (high - low) * (width - 1)));
    std::string bar;
    for (int i = 0; i < width; ++i)
      bar += i < length ? "\u2588" : " ";
    return number + bar;
  }

private:
  int width;
  double low = 300, high = -300;
};
} // namespace

std::string mixln::rt::drawLayers(const LayerNorms &layers, int columns) {
  int width = std::clamp((columns - 32) / 2, 8, 40);
  Bars gradients(layers.gradientNorm, width), streams(layers.streamRms, width);
  std::string text = "layer  gradient norm";
  text += std::string(static_cast<size_t>(std::max(2, width - 1)), ' ');
  text += "stream RMS\n";
  std::string blank(static_cast<size_t>(width) + 11, ' ');
  text += "embed " + blank + " " + streams.draw(layers.streamRms[0]) + "\n";
  for (size_t i = 0; i < layers.gradientNorm.size(); ++i) {
    char label[16];
    std::snprintf(label, sizeof(label), "%-6zu", i);
    text += label + gradients.draw(layers.gradientNorm[i]) + " " +
            streams.draw(layers.streamRms[i + 1]) + "\n";
  }
  return text;
}

std::string mixln::rt::drawTurns(const std::vector<double> &angles,
                                 const std::vector<double> &drops,
                                 int columns) {
  int width = std::clamp((columns - 32) / 2, 8, 40);
  Bars turns(angles, width), losses(drops, width);
  std::string text = "layer  angle to the next";
  text += std::string(static_cast<size_t>(std::max(2, width - 6)), ' ');
  text += "loss without it\n";
  for (size_t i = 0; i < drops.size(); ++i) {
    char label[16];
    std::snprintf(label, sizeof(label), "%-6zu", i);
    text += label + turns.draw(angles[i]) + " " + losses.draw(drops[i]) + "\n";
  }
  return text;
}
