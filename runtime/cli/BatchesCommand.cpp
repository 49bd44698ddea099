//===- BatchesCommand.cpp - The rows of each update -----------------------===//

#include "checkpoint/OutputFile.h"
#include "checkpoint/Safetensors.h"
#include "cli/SharedFlags.h"
#include "data/Files.h"
#include "data/Loader.h"
#include "support/Errors.h"

using namespace mixln::rt;

int mixln::rt::batchesCommand(const Executable &executable,
                              const Arguments &arguments) {
  const Program &program = executable.program;
  Flags flags(executable.name + " batches",
              "Writes input_ids and labels [steps, rows, T] of the first"
              " updates, in the order in which train would use them.");
  DataFlags data;
  StreamFlags stream;
  int64_t steps = 1, rows = program.batchSize;
  std::string out;
  data.add(flags);
  stream.add(flags);
  flags.count("steps", steps, 1, "updates", {"num_training_steps"});
  flags.count("total_batch_size", rows, 1, "rows of an update");
  flags.text("out", out, "file to write");
  if (!flags.parse(arguments))
    return ExitDone;
  if (data.data.empty())
    badInput("--data is required");
  if (out.empty())
    badInput("--out is required");
  // All of it is held in memory, ids and labels.
  constexpr int64_t kMostTokens = int64_t(1) << 31;
  int64_t most = kMostTokens / program.seqLen;
  if (rows > most || steps > most / rows)
    badInput("--steps ", steps, " times --total_batch_size ", rows,
             " are too many rows for one file, expected at most ", most);
  naming("--out", [&] { checkWritableFile(out); });
  auto tokenizer = openTokenizer(data.tokenizer, program);
  RowOptions rowOptions = data.rowOptions(program);
  rowOptions.workers = stream.resolve().workers;
  RowStream source(
      openRows(expandGlob("--data", data.data), tokenizer.get(), rowOptions),
      stream.stream);
  std::vector<int32_t> ids, labels;
  Row row;
  for (int64_t i = 0; i < steps * rows; ++i) {
    if (!source.next(row))
      badInput("the data ended after ", i, " of ", steps * rows,
               " rows, and --max_epochs ", stream.stream.maxEpochs,
               " forbids another epoch");
    ids.insert(ids.end(), row.ids.begin(), row.ids.end());
    labels.insert(labels.end(), row.labels.begin(), row.labels.end());
  }
  std::vector<int64_t> shape = {steps, rows, program.seqLen};
  writeSafetensors(out, {storeFrom("input_ids", "I32", shape, ids.data()),
                         storeFrom("labels", "I32", shape, labels.data())});
  return ExitDone;
}
