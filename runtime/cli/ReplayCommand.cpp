//===- ReplayCommand.cpp --------------------------------------------------===//

#include "checkpoint/OutputFile.h"
#include "cli/SharedFlags.h"
#include "replay/Replay.h"
#include "support/Errors.h"

#include <limits>

using namespace mixln::rt;

int mixln::rt::replayCommand(const Executable &executable,
                             const Arguments &arguments) {
  Flags flags(executable.name + " replay",
              "Runs updates on one recorded batch and writes what they gave.");
  ReplayOptions options;
  std::string weights;
  ThreadFlags threads;
  DeviceFlags device;
  OptimizerFlags optimizer;
  flags.text("weights", weights, "folder with model.safetensors");
  flags.text("batch", options.batch,
             "safetensors file with input_ids and labels, int32 [rows, T]");
  flags.text("out", options.out, "safetensors file to write");
  flags.count("steps", options.steps, 1, "updates");
  flags.number("lr", options.lr, 0, std::numeric_limits<double>::infinity(),
               "learning rate, constant");
  flags.toggle("logits", options.logits, "also write the first step's logits");
  optimizer.add(flags);
  threads.add(flags);
  device.add(flags);
  if (!flags.parse(arguments))
    return ExitDone;
  for (auto &[name, value] :
       {std::pair("weights", &weights), std::pair("batch", &options.batch),
        std::pair("out", &options.out)})
    if (value->empty())
      badInput("--", name, " is required");
  options.optimizer = optimizer.resolve();
  options.zLoss = optimizer.zLoss;

  naming("--out", [&] { checkWritableFile(options.out); });
  Model model(executable.program, executable.code(), device.resolve(flags),
              threads.resolve());
  naming("--weights", [&] { model.load(weights); });
  model.prepare();
  replay(model, options);
  return ExitDone;
}
