//===- Evaluate.h - The mean loss over given rows ---------------*- C++ -*-===//

#ifndef MIXLN_RT_EVAL_EVALUATE_H
#define MIXLN_RT_EVAL_EVALUATE_H

#include "train/Model.h"

#include <functional>
#include <string>
#include <vector>

namespace mixln::rt {

/// How losses become one number: the mean over all counted labels, or, as the
/// public Mix-LN script has it, the sum of the batches' means over their number
/// plus one.
enum class EvalMean { Total, BatchesPlusOne };

struct EvaluationOptions {
  std::vector<std::string> files;
  const Tokenizer *tokenizer = nullptr;
  RowOptions rows;
  int64_t tokens = 10'000'000; ///< counted labels after which it ends
  EvalMean mean = EvalMean::Total;
};

struct Evaluation {
  double loss = 0;
  int64_t tokens = 0;
  /// Hash of the rows and of what but the usual mean was taken: unequal ones
  /// are not comparable.
  std::string id;
  bool stopped = false;
};

/// Rows in file order until `tokens` counted labels. `stop`, asked between
/// calls, ends it early.
Evaluation evaluate(Model &model, const EvaluationOptions &options,
                    bool (*stop)() = nullptr);

struct DocumentLoss {
  int64_t index = 0; ///< from 0, in file order
  int64_t tokens = 0;
  double lossSum = 0;
};

/// The loss of each document by itself: rows of `pad`, one a call.
void evaluateDocuments(Model &model, const EvaluationOptions &options,
                       bool (*stop)(),
                       const std::function<void(const DocumentLoss &)> &found);

} // namespace mixln::rt

#endif // MIXLN_RT_EVAL_EVALUATE_H
