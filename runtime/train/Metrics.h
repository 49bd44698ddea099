//===- Metrics.h - metrics.jsonl --------------------------------*- C++ -*-===//

#ifndef MIXLN_RT_TRAIN_METRICS_H
#define MIXLN_RT_TRAIN_METRICS_H

#include "eval/Evaluate.h"

#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>

namespace mixln::rt {

struct StepMetrics {
  int64_t step = 0; ///< from 1
  double loss = 0;  ///< of this update's batch, before the update
  double lr = 0;
  double gradNorm = 0;
  std::optional<double> zLoss; ///< what --z_loss adds to what is minimised
  int64_t tokens = 0;          ///< counted labels so far
  int64_t epoch = 1;
  double tokensPerSecond = 0; ///< positions computed
  double stepSeconds = 0;
  const char *skipped = nullptr; ///< the outlier for which it was not applied
};

/// Appends one object a line; a line is whole once write() returned.
class MetricsFile {
public:
  /// Of a file that is already there, keeps the lines up to `step`; without
  /// one it begins empty.
  MetricsFile(const std::string &path, int64_t step);
  ~MetricsFile();
  MetricsFile(const MetricsFile &) = delete;
  MetricsFile &operator=(const MetricsFile &) = delete;

  void write(const StepMetrics &metrics);
  void write(int64_t step, const Evaluation &evaluation);
  /// A line of any keys; the first must be `step`.
  void writeLine(const std::string &line);
  /// Makes durable what was written.
  void sync();

  /// The last step of the lines that were kept and hold an evaluation, or -1.
  int64_t evaluatedAt() const { return lastEvaluation; }

private:
  void keepUpTo(int64_t step);

  std::string path;
  std::FILE *file = nullptr;
  int64_t lastEvaluation = -1;
};

} // namespace mixln::rt

#endif // MIXLN_RT_TRAIN_METRICS_H
