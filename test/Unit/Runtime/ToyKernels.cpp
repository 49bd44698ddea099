//===- ToyKernels.cpp - Kernels of the bigram model -----------------------===//

#include "Toy.h"

#include <algorithm>
#include <cmath>

using namespace mixln::rt;

namespace {

template <typename T = float> T *at(void *const *pointers, int index) {
  return static_cast<T *>(pointers[index]);
}

void rowLogits(const float *table, const float *bias, int32_t token, int64_t v,
               float *out) {
  for (int64_t j = 0; j < v; ++j)
    out[j] = table[token * v + j] + bias[j];
}

// ids, targets, table, bias, loss_scale -> row losses, d logits, loss_sum.
// sizes: positions, V. A task a row.
void lossRow(void *const *p, const int64_t *sizes, const float *, int64_t row,
             int64_t, char *scratch) {
  int64_t v = sizes[1];
  auto *logits = reinterpret_cast<float *>(scratch);
  rowLogits(at(p, 2), at(p, 3), at<int32_t>(p, 0)[row], v, logits);
  int32_t target = at<int32_t>(p, 1)[row];
  float *gradient = at(p, 6) + row * v;
  std::fill_n(gradient, v, 0.0f);
  at(p, 5)[row] = 0;
  if (target < 0)
    return;
  float most = *std::max_element(logits, logits + v), sum = 0;
  for (int64_t j = 0; j < v; ++j)
    sum += std::exp(logits[j] - most);
  at(p, 5)[row] = std::log(sum) + most - logits[target];
  float scale = at(p, 4)[0];
  for (int64_t j = 0; j < v; ++j)
    gradient[j] =
        scale * (std::exp(logits[j] - most) / sum - (j == target ? 1 : 0));
}

void lossSum(void *const *p, const int64_t *sizes, const float *, int64_t,
             int64_t, char *) {
  float sum = 0;
  for (int64_t row = 0; row < sizes[0]; ++row)
    sum += at(p, 5)[row];
  at(p, 7)[0] = sum;
}

// ids, order, starts, d logits -> gradients of table and bias.
// values: 1 to add to what is there, 0 to overwrite.
void clearGradients(void *const *p, const int64_t *sizes, const float *values,
                    int64_t task, int64_t, char *) {
  if (values[0] != 0)
    return;
  int64_t v = sizes[1];
  std::fill_n(at(p, 4) + task * v, v, 0.0f);
  at(p, 5)[task] = 0;
}

void addGradients(void *const *p, const int64_t *sizes, const float *,
                  int64_t task, int64_t, char *) {
  int64_t positions = sizes[0], v = sizes[1];
  // Task t < positions: the t-th segment; after them a column of the bias.
  if (task >= positions) {
    int64_t j = task - positions;
    for (int64_t row = 0; row < positions; ++row)
      at(p, 5)[j] += at(p, 3)[row * v + j];
    return;
  }
  const int32_t *order = at<int32_t>(p, 1), *starts = at<int32_t>(p, 2);
  for (int32_t i = starts[task]; i < starts[task + 1]; ++i) {
    float *out = at(p, 4) + at<int32_t>(p, 0)[order[i]] * v;
    for (int64_t j = 0; j < v; ++j)
      out[j] += at(p, 3)[order[i] * v + j];
  }
}

// gradients of table and bias -> [V] partial squares, norm. sizes: V.
void squares(void *const *p, const int64_t *sizes, const float *, int64_t task,
             int64_t, char *) {
  int64_t v = sizes[0];
  float sum = at(p, 1)[task] * at(p, 1)[task];
  for (int64_t j = 0; j < v; ++j)
    sum += at(p, 0)[task * v + j] * at(p, 0)[task * v + j];
  at(p, 2)[task] = sum;
}

void norm(void *const *p, const int64_t *sizes, const float *, int64_t, int64_t,
          char *) {
  float sum = 0;
  for (int64_t i = 0; i < sizes[0]; ++i)
    sum += at(p, 2)[i];
  at(p, 3)[0] = std::sqrt(sum);
}

// gradient, m, v, grad_norm, max_grad_norm, lr, decay, decoupled_decay, beta1,
// beta2, eps, bias_correction1, bias_correction2 -> parameter. sizes: elements.
void adam(void *const *p, const int64_t *sizes, const float *, int64_t task,
          int64_t tasks, char *) {
  auto scalar = [&](int index) { return at(p, index)[0]; };
  float clip =
      scalar(4) > 0 ? std::min(1.0f, scalar(4) / (scalar(3) + 1e-6f)) : 1.0f;
  int64_t end = sizes[0] * (task + 1) / tasks;
  for (int64_t i = sizes[0] * task / tasks; i < end; ++i) {
    float &w = at(p, 13)[i], &m = at(p, 1)[i], &v = at(p, 2)[i];
    float g = clip * at(p, 0)[i] + scalar(6) * w;
    m = scalar(8) * m + (1 - scalar(8)) * g;
    v = scalar(9) * v + (1 - scalar(9)) * g * g;
    w -= scalar(5) * scalar(7) * w;
    w -=
        scalar(5) * (m / scalar(11)) / (std::sqrt(v / scalar(12)) + scalar(10));
  }
}

// ids, table, bias -> logits. sizes: positions, V.
void logitsRow(void *const *p, const int64_t *sizes, const float *, int64_t row,
               int64_t, char *) {
  rowLogits(at(p, 1), at(p, 2), at<int32_t>(p, 0)[row], sizes[1],
            at(p, 3) + row * sizes[1]);
}

} // namespace

const KernelFunction toy::kernels[] = {lossRow,      lossSum,  clearGradients,
                                       addGradients, squares,  norm,
                                       adam,         logitsRow};
const int64_t toy::kernelCount = 8;
