//===- Step.cpp -----------------------------------------------------------===//

#include "train/Step.h"

#include <limits>

using namespace mixln::rt;

double mixln::rt::accumulateGradients(Model &model, const UpdateBatch &batch,
                                      LossNormalization normalization,
                                      bool (*stop)(), ZLoss *zLoss,
                                      bool measured) {
  double loss = 0, weight = zLoss ? zLoss->weight : 0, squares = 0;
  auto scaleOf = [&](const MicroBatch &micro) {
    double count = normalization == LossNormalization::Total
                       ? double(batch.counted)
                       : double(micro.counted) * double(batch.micro.size());
    // A batch of padding alone has loss 0 and no gradient.
    return count > 0 ? 1 / count : 0;
  };
  auto write = [&](const MicroBatch &micro) {
    double scale = scaleOf(micro);
    model.setScalar("loss_scale", scale);
    model.setScalar("z_loss_scale", weight * scale);
    model.writeInputs(micro);
  };
  for (size_t i = 0; i < batch.micro.size(); ++i) {
    if (stop && stop())
      return std::numeric_limits<double>::quiet_NaN();
    if (i == 0)
      write(batch.micro[i]);
    const char *entry = i > 0      ? "gradient_add"
                        : measured ? "gradient.measured"
                                   : "gradient";
    if (!model.run(entry, stop))
      return std::numeric_limits<double>::quiet_NaN();
    // A GPU still works: the next rows travel meanwhile. Reading waits.
    if (i + 1 < batch.micro.size())
      write(batch.micro[i + 1]);
    double scale = scaleOf(batch.micro[i]);
    loss += model.read("loss_sum")[0] * scale;
    if (weight > 0)
      squares += model.read("z_loss_sum")[0] * scale;
  }
  if (zLoss)
    zLoss->value = weight * squares;
  return loss;
}

double mixln::rt::applyUpdate(Model &model, const Optimizer &optimizer,
                              int64_t n, double lr) {
  double norm = beginUpdate(model, optimizer, n, lr);
  model.finishUpdate();
  return norm;
}

double mixln::rt::beginUpdate(Model &model, const Optimizer &optimizer,
                              int64_t n, double lr) {
  optimizer.writeScalars(model, n, lr);
  model.beginUpdate();
  return model.read("grad_norm")[0];
}
