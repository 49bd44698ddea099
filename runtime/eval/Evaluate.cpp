//===- Evaluate.cpp -------------------------------------------------------===//

#include "eval/Evaluate.h"
#include "support/Errors.h"
#include "support/Hash.h"

#include <algorithm>

using namespace mixln::rt;

namespace {

/// Rows of a micro-batch, filled up with rows that do not count.
class BatchBuffer {
public:
  BatchBuffer(const Program &program)
      : rows(program.batchSize), length(program.seqLen),
        vocabSize(program.vocabSize), ids(rows * length),
        labels(rows * length, kNotCounted) {}

  void add(const Row &row) {
    std::copy(row.ids.begin(), row.ids.end(), ids.begin() + filled * length);
    std::copy(row.labels.begin(), row.labels.end(),
              labels.begin() + filled * length);
    ++filled;
  }
  bool full() const { return filled == rows; }
  bool empty() const { return filled == 0; }

  MicroBatch take() {
    std::fill(ids.begin() + filled * length, ids.end(), kPadding);
    std::fill(labels.begin() + filled * length, labels.end(), kNotCounted);
    filled = 0;
    return makeMicroBatch(ids.data(), labels.data(), rows, length, vocabSize);
  }

private:
  int64_t rows, length, vocabSize;
  std::vector<int32_t> ids, labels;
  int64_t filled = 0;
};

} // namespace

void mixln::rt::evaluateDocuments(
    Model &model, const EvaluationOptions &options, bool (*stop)(),
    const std::function<void(const DocumentLoss &)> &found) {
  std::unique_ptr<RowSource> source =
      openRows(options.files, options.tokenizer, options.rows);
  BatchBuffer buffer(model.program());
  DocumentLoss document;
  int64_t seen = 0;
  Row row;
  while (seen < options.tokens && source->next(row) && !(stop && stop())) {
    // The program sums over a call, so a document has one of its own.
    buffer.add(row);
    MicroBatch batch = buffer.take();
    model.writeInputs(batch);
    if (!model.run("loss", stop))
      return;
    document.tokens = batch.counted;
    document.lossSum = model.read("loss_sum")[0];
    found(document);
    seen += batch.counted;
    ++document.index;
  }
}

Evaluation mixln::rt::evaluate(Model &model, const EvaluationOptions &options,
                               bool (*stop)()) {
  std::unique_ptr<RowSource> source =
      openRows(options.files, options.tokenizer, options.rows);
  BatchBuffer buffer(model.program());
  StreamHash hash;
  Evaluation result;
  double sum = 0, sumOfMeans = 0;
  int64_t seen = 0, batches = 0;
  auto run = [&] {
    MicroBatch batch = buffer.take();
    model.writeInputs(batch);
    if (!model.run("loss", stop)) {
      result.stopped = true;
      return;
    }
    double loss = model.read("loss_sum")[0];
    sum += loss;
    result.tokens += batch.counted;
    if (batch.counted > 0)
      sumOfMeans += loss / double(batch.counted);
    ++batches;
  };
  Row row;
  while (seen < options.tokens && source->next(row)) {
    if (stop && stop()) {
      result.stopped = true;
      return result;
    }
    hash.add(row.ids.data(), row.ids.size() * 4);
    hash.add(row.labels.data(), row.labels.size() * 4);
    seen += row.labels.size() - 1 -
            std::count(row.labels.begin() + 1, row.labels.end(), kNotCounted);
    buffer.add(row);
    if (buffer.full())
      run();
    if (result.stopped)
      return result;
  }
  if (!buffer.empty())
    run();
  if (result.stopped)
    return result;
  if (result.tokens == 0)
    badInput("the evaluation data in ", options.files.front(),
             " hold no label that counts");
  result.loss = options.mean == EvalMean::Total
                    ? sum / double(result.tokens)
                    : sumOfMeans / double(batches + 1);
  if (options.mean != EvalMean::Total)
    // Of batches of so many rows.
    hash.add(&model.program().batchSize, sizeof(int64_t));
  result.id = hexHash(hash.value());
  return result;
}
