//===- Metrics.h - metrics.jsonl --------------------------------*- C++ -*-===//

#ifndef MIXLN_RT_TRAIN_METRICS_H
#define MIXLN_RT_TRAIN_METRICS_H

#include "eval/Evaluate.h"

#include <cstdint>
#include <cstdio>
#include <string>

namespace mixln::rt {

struct StepMetrics {
  int64_t step = 0; ///< from 1
  double loss = 0;  ///< of this update's batch, before the update
  double lr = 0;
  double gradNorm = 0;
  int64_t tokens = 0; ///< counted labels so far
  int64_t epoch = 1;
  double tokensPerSecond = 0; ///< positions computed
  double stepSeconds = 0;
};

/// Appends one object a line; a line is whole once write() returned.
class MetricsFile {
public:
  explicit MetricsFile(const std::string &path);
  ~MetricsFile();
  MetricsFile(const MetricsFile &) = delete;
  MetricsFile &operator=(const MetricsFile &) = delete;

  void write(const StepMetrics &metrics);
  void write(int64_t step, const Evaluation &evaluation);

private:
  void writeLine(const std::string &line);

  std::string path;
  std::FILE *file;
};

} // namespace mixln::rt

#endif // MIXLN_RT_TRAIN_METRICS_H
