//===- LayersCommand.cpp --------------------------------------------------===//

#include "checkpoint/OutputFile.h"
#include "cli/SharedFlags.h"
#include "data/Files.h"
#include "data/Loader.h"
#include "layers/LayerNorms.h"
#include "replay/Replay.h"
#include "support/Errors.h"
#include "train/RunFolder.h"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <sys/ioctl.h>
#include <unistd.h>

using namespace mixln::rt;

static int terminalColumns() {
  winsize size{};
  if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 &&
      size.ws_col > 0)
    return size.ws_col;
  return 80;
}

/// The first rows of the data, as many as one micro-batch.
static UpdateBatch firstBatch(const Executable &executable,
                              const DataFlags &data) {
  std::vector<std::string> files = expandGlob("--data", data.data);
  auto tokenizer = openTokenizer(data.tokenizer, executable.program);
  RowOptions options = data.rowOptions(executable.program);
  auto rows = openRows(files, tokenizer.get(), options);
  UpdateBatch batch;
  Row row;
  while (batch.rows < executable.program.batchSize && rows->next(row)) {
    batch.ids.insert(batch.ids.end(), row.ids.begin(), row.ids.end());
    batch.labels.insert(batch.labels.end(), row.labels.begin(),
                        row.labels.end());
    ++batch.rows;
  }
  if (batch.rows < executable.program.batchSize)
    badInput("--data ", data.data, " holds ", batch.rows,
             " rows, expected at least one batch of ",
             executable.program.batchSize);
  batch.split(executable.program.batchSize, executable.program.seqLen,
              executable.program.vocabSize);
  return batch;
}

int mixln::rt::layersCommand(const Executable &executable,
                             const Arguments &arguments) {
  Flags flags(executable.name + " layers",
              "Measures every layer on one batch: norm of its gradient, RMS of "
              "the residual stream. In a run folder, weights and data default "
              "to the run's.");
  std::string weights, batchFile, out;
  int64_t seed = 0;
  DataFlags data;
  ThreadFlags threads;
  flags.text("weights", weights,
             "folder with model.safetensors; absent: initial values");
  flags.count("seed", seed, 0, "of the initial values");
  flags.text("batch", batchFile, "recorded batch (safetensors), or --data");
  flags.text("out", out, "JSON file to write; absent: draw only");
  data.add(flags);
  threads.add(flags);
  if (!flags.parse(arguments))
    return ExitDone;
  if (auto run = findOwnRun(executable)) {
    if (weights.empty())
      weights = newestCheckpointOf(run->folder);
    if (batchFile.empty())
      data.takeFromRun(*run, flags);
    if (!flags.given("seed"))
      parseCount(run->flag("seed"), seed);
  }
  if (batchFile.empty() == data.data.empty())
    badInput("give one of --batch and --data");
  if (!out.empty())
    checkWritableFile(out);

  UpdateBatch batch = batchFile.empty()
                          ? firstBatch(executable, data)
                          : readBatch(batchFile, executable.program);
  Model model(executable.program, executable.kernels, executable.kernelCount,
              threads.resolve());
  if (weights.empty())
    model.initialise(static_cast<uint64_t>(seed));
  else
    model.load(weights);
  model.prepare();
  LayerNorms layers = measureLayers(model, batch);
  std::printf("%s, %lld rows of %lld tokens, loss %.4f\n%s",
              executable.program.norm.c_str(),
              static_cast<long long>(batch.rows),
              static_cast<long long>(executable.program.seqLen), layers.loss,
              drawLayers(layers, terminalColumns()).c_str());
  if (!out.empty()) {
    nlohmann::ordered_json json;
    json["norm"] = executable.program.norm;
    json["weights"] = weights;
    json["loss"] = layers.loss;
    json["gradient_norm"] = layers.gradientNorm;
    json["stream_rms"] = layers.streamRms;
    OutputFile file(out);
    file.write(json.dump(1) + "\n");
    file.commit();
  }
  return ExitDone;
}
