//===- LayersCommand.cpp --------------------------------------------------===//

#include "checkpoint/OutputFile.h"
#include "cli/SharedFlags.h"
#include "data/Files.h"
#include "data/Loader.h"
#include "layers/AngularDistance.h"
#include "layers/LayerNorms.h"
#include "layers/PerformanceDrop.h"
#include "replay/Replay.h"
#include "support/Errors.h"
#include "support/Hash.h"
#include "support/Terminal.h"
#include "train/RunFolder.h"

#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <unistd.h>

using namespace mixln::rt;

/// The first rows of the data: `wanted`, or one micro-batch.
static UpdateBatch firstBatch(const Executable &executable,
                              const DataFlags &data, int64_t wanted) {
  int64_t batchSize = executable.program.batchSize;
  int64_t needed =
      std::max<int64_t>(1, (wanted + batchSize - 1) / batchSize) * batchSize;
  std::vector<std::string> files = expandGlob("--data", data.data);
  auto tokenizer = openTokenizer(data.tokenizer, executable.program);
  RowOptions options = data.rowOptions(executable.program);
  auto rows = openRows(files, tokenizer.get(), options);
  UpdateBatch batch;
  Row row;
  while (batch.rows < needed && rows->next(row)) {
    batch.ids.insert(batch.ids.end(), row.ids.begin(), row.ids.end());
    batch.labels.insert(batch.labels.end(), row.labels.begin(),
                        row.labels.end());
    ++batch.rows;
  }
  if (batch.rows < needed)
    badInput("--data ", data.data, " holds ", batch.rows, " rows, expected ",
             needed, wanted ? " (--rows)" : ": one batch");
  batch.split(executable.program.batchSize, executable.program.seqLen,
              executable.program.vocabSize);
  return batch;
}

/// A hash of ids and labels: measurements compare where it is the same.
static std::string rowsId(const UpdateBatch &batch) {
  StreamHash hash;
  hash.add(batch.ids.data(), batch.ids.size() * sizeof(int32_t));
  hash.add(batch.labels.data(), batch.labels.size() * sizeof(int32_t));
  return hexHash(hash.value());
}

namespace {
/// What the walk from layer to layer finds.
struct Walked {
  AngularDistance angles;
  PerformanceDrop drop;
};
} // namespace

static Walked walkLayers(Model &model, const UpdateBatch &batch,
                         AngularDistance::Positions positions, bool withDrop) {
  LayerWalk walk(model);
  Walked found{AngularDistance(walk.layers(), positions), {}};
  const Program &program = model.program();
  for (size_t i = 0; i < batch.micro.size(); ++i) {
    walk.begin(batch.micro[i]);
    std::vector<std::vector<float>> streams = {walk.stream()};
    for (int64_t l = 0; l < walk.layers(); ++l) {
      walk.layer(l);
      streams.push_back(walk.stream());
    }
    found.angles.add(batch, static_cast<int64_t>(i) * program.batchSize,
                     streams, program.hiddenSize);
  }
  if (!withDrop)
    return found;
  using Clock = std::chrono::steady_clock;
  bool isTerminal = isatty(STDERR_FILENO) != 0;
  auto shown = Clock::now();
  found.drop =
      measurePerformanceDrop(walk, batch, [&](size_t done, size_t all) {
        auto now = Clock::now();
        if (done != all &&
            now - shown < std::chrono::seconds(isTerminal ? 0 : 5))
          return;
        shown = now;
        std::fprintf(stderr, "%swithout each layer: %zu/%zu%s",
                     isTerminal ? "\r" : "", done, all,
                     isTerminal && done != all ? "" : "\n");
      });
  return found;
}

static nlohmann::ordered_json
toJson(const Program &program, const std::string &weights,
       const UpdateBatch &batch, const std::string &positions,
       const LayerNorms &norms, const Walked &walked) {
  nlohmann::ordered_json json;
  json["norm"] = program.norm;
  json["weights"] = weights;
  json["rows"] = batch.rows;
  json["rows_id"] = rowsId(batch);
  json["loss"] = norms.loss;
  json["gradient_norm"] = norms.gradientNorm;
  json["stream_rms"] = norms.streamRms;
  addMeasurements(norms.measured, json);
  json["positions"] = positions;
  json["samples"] = walked.angles.samples();
  json["angular_distance"] = walked.angles.means();
  json["angular_distance_error"] = walked.angles.errors();
  if (!walked.drop.drop.empty()) {
    json["performance_drop"] = walked.drop.drop;
    json["performance_drop_tokens"] = walked.drop.tokens;
  }
  return json;
}

int mixln::rt::layersCommand(const Executable &executable,
                             const Arguments &arguments) {
  Flags flags(executable.name + " layers",
              "Measures every layer on given rows: norm of its gradient, RMS "
              "of the residual stream, angle between the streams of every two "
              "layers, the loss without it. In a run folder, weights and "
              "data default to the run's.");
  std::string weights, batchFile, out, positions = "last", drop = "auto";
  int64_t seed = 0, rows = 0;
  DataFlags data;
  ThreadFlags threads;
  DeviceFlags device;
  flags.text("weights", weights,
             "folder with model.safetensors; absent: initial values");
  flags.count("seed", seed, 0, "of the initial values");
  flags.text("batch", batchFile, "recorded batch (safetensors), or --data");
  flags.count("rows", rows, 0,
              "rows of --data to measure, rounded up to whole micro-batches; "
              "0: one micro-batch");
  flags.choice("positions", positions, {"last", "all"},
               "where angles are taken: each row's last token, or all");
  flags.choice("performance_drop", drop, {"auto", "on", "off"},
               "the loss without each layer; auto: with --weights");
  flags.text("out", out, "JSON file to write; absent: draw only");
  data.add(flags);
  threads.add(flags);
  device.add(flags);
  if (!flags.parse(arguments))
    return ExitDone;
  if (auto run = findOwnRun(executable)) {
    if (weights.empty())
      weights = newestCheckpointOf(run->folder);
    if (batchFile.empty())
      data.takeEvaluationFromRun(*run, flags);
    if (!flags.given("seed"))
      parseCount(run->flag("seed"), seed);
  }
  if (batchFile.empty() == data.data.empty())
    badInput("give one of --batch and --data");
  if (!out.empty())
    naming("--out", [&] { checkWritableFile(out); });

  UpdateBatch batch = batchFile.empty()
                          ? firstBatch(executable, data, rows)
                          : naming("--batch", [&] {
                              return readBatch(batchFile, executable.program);
                            });
  Model model(executable.program, executable.code(), device.resolve(flags),
              threads.resolve());
  if (weights.empty())
    model.initialise(static_cast<uint64_t>(seed));
  else
    naming("--weights", [&] { model.load(weights); });
  model.prepare();
  LayerNorms norms = measureLayers(model, batch);
  bool withDrop = drop == "on" || (drop == "auto" && !weights.empty());
  Walked walked =
      walkLayers(model, batch,
                 positions == "last" ? AngularDistance::Positions::Last
                                     : AngularDistance::Positions::All,
                 withDrop);
  int columns = terminalColumns(STDOUT_FILENO);
  std::printf("%s, %lld rows of %lld tokens, loss %.4f\n%s",
              executable.program.norm.c_str(),
              static_cast<long long>(batch.rows),
              static_cast<long long>(executable.program.seqLen), norms.loss,
              drawLayers(norms, columns).c_str());
  if (withDrop)
    std::printf("\n%s", drawTurns(walked.angles.means().front(),
                                  walked.drop.drop, columns)
                            .c_str());
  if (!out.empty()) {
    writeTextFile(out, toJson(executable.program, weights, batch, positions,
                              norms, walked)
                               .dump(1) +
                           "\n");
  }
  return ExitDone;
}
