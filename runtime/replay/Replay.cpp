//===- Replay.cpp ---------------------------------------------------------===//

#include "replay/Replay.h"
#include "checkpoint/Safetensors.h"
#include "support/Errors.h"
#include "train/Step.h"

#include <deque>

using namespace mixln::rt;

//===----------------------------------------------------------------------===//
// Recorded batches
//===----------------------------------------------------------------------===//

UpdateBatch mixln::rt::readBatch(const std::string &path,
                                 const Program &program) {
  SafetensorsFile file(path);
  const StoredTensor &ids = file.get("input_ids", "I32");
  // [1, rows, T] is what `batches --steps 1` writes.
  size_t rank = ids.shape.size();
  if (!(rank == 2 || (rank == 3 && ids.shape[0] == 1)) ||
      ids.shape.back() != program.seqLen)
    badInput(path, ": tensor input_ids has shape ", shapeText(ids.shape),
             ", expected [rows, ", program.seqLen, "]");
  const StoredTensor &labels = file.get("labels", "I32", ids.shape);
  UpdateBatch batch;
  batch.rows = ids.shape[rank - 2];
  if (batch.rows == 0 || batch.rows % program.batchSize != 0)
    badInput(path, " holds ", batch.rows,
             " rows, not a multiple of the compiled batch size ",
             program.batchSize);
  batch.ids.resize(batch.rows * program.seqLen);
  batch.labels.resize(batch.ids.size());
  file.read(ids, 0, batch.ids.data(), ids.bytes);
  file.read(labels, 0, batch.labels.data(), labels.bytes);
  auto check = [&](const char *name, const std::vector<int32_t> &values,
                   bool mayBeIgnored) {
    for (size_t i = 0; i < values.size(); ++i)
      if ((values[i] < 0 || values[i] >= program.vocabSize) &&
          !(mayBeIgnored && values[i] == kNotCounted))
        badInput(path, ": ", name, "[", i / program.seqLen, ", ",
                 i % program.seqLen, "] is ", values[i],
                 ", outside the vocabulary of ", program.vocabSize);
  };
  check("input_ids", batch.ids, false);
  check("labels", batch.labels, true);
  batch.split(program.batchSize, program.seqLen, program.vocabSize);
  return batch;
}

void mixln::rt::writeBatch(const std::string &path, const UpdateBatch &batch,
                           int64_t length) {
  writeSafetensors(
      path,
      {storeFrom("input_ids", "I32", {batch.rows, length}, batch.ids.data()),
       storeFrom("labels", "I32", {batch.rows, length}, batch.labels.data())});
}

//===----------------------------------------------------------------------===//
// Replay
//===----------------------------------------------------------------------===//

namespace {

/// Keeps what goes into the output file until it is written.
class Results {
public:
  void add(std::string name, std::vector<int64_t> shape,
           std::vector<float> values) {
    storage.push_back(std::move(values));
    tensors.push_back(storeFrom(std::move(name), "F32", std::move(shape),
                                storage.back().data()));
  }
  void write(const std::string &path) { writeSafetensors(path, tensors); }

private:
  std::deque<std::vector<float>> storage;
  std::vector<TensorToStore> tensors;
};

} // namespace

static void addLogits(Model &model, const UpdateBatch &batch,
                      Results &results) {
  const Program &program = model.program();
  std::vector<float> all;
  all.reserve(batch.ids.size() * program.vocabSize);
  for (const MicroBatch &micro : batch.micro) {
    model.writeInputs(micro);
    model.run("logits");
    std::vector<float> part = model.read("output_logits");
    all.insert(all.end(), part.begin(), part.end());
  }
  results.add("logits", {batch.rows, program.seqLen, program.vocabSize},
              std::move(all));
}

static void addGradients(Model &model, Results &results) {
  if (model.hasEntry("gradient_norms")) {
    model.run("gradient_norms");
    results.add("layer_grad_norm", {model.program().numLayers},
                model.read("layer_grad_norm"));
  }
  for (const Tensor &tensor : model.program().tensors)
    if (tensor.role == Role::Parameter)
      results.add("grad." + tensor.name, tensor.shape,
                  model.read("grad." + tensor.name));
}

void mixln::rt::replay(Model &model, const ReplayOptions &options) {
  UpdateBatch batch = naming(
      "--batch", [&] { return readBatch(options.batch, model.program()); });
  Results results;
  std::vector<float> losses, norms;
  if (options.logits)
    addLogits(model, batch, results);
  for (int64_t step = 1; step <= options.steps; ++step) {
    ZLoss zLoss{options.zLoss};
    double loss = accumulateGradients(model, batch, LossNormalization::Total,
                                      nullptr, &zLoss);
    losses.push_back(static_cast<float>(loss));
    if (step == 1)
      addGradients(model, results);
    double norm = applyUpdate(model, options.optimizer, step, options.lr);
    norms.push_back(static_cast<float>(norm));
  }
  results.add("loss", {options.steps}, std::move(losses));
  results.add("grad_norm", {options.steps}, std::move(norms));
  for (const Tensor &tensor : model.program().tensors)
    if (tensor.role == Role::Parameter)
      results.add("param." + tensor.name, tensor.shape,
                  model.read(tensor.name));
  results.write(options.out);
}
