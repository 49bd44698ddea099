//===- RemoveLayerCommand.cpp ---------------------------------------------===//

#include "cli/Flags.h"
#include "cli/OwnRun.h"
#include "export/RemoveLayer.h"
#include "support/Errors.h"
#include "train/RunFolder.h"

#include <cstdio>

using namespace mixln::rt;

int mixln::rt::removeLayerCommand(const Executable &executable,
                                  const Arguments &arguments) {
  Flags flags(executable.name + " remove-layer",
              "Writes a checkpoint without one of its layers; the others keep "
              "their placements. Compile it with mixlnc OUT/config.json.");
  std::string weights, out;
  int64_t layer = -1;
  flags.text("weights", weights, "checkpoint (model_STEP)");
  flags.count("layer", layer, 0, "the layer to leave out, from 0");
  flags.text("out", out, "folder to create");
  if (!flags.parse(arguments))
    return ExitDone;
  if (auto run = findOwnRun(executable); run && weights.empty())
    weights = newestCheckpointOf(run->folder);
  if (weights.empty())
    badInput("--weights is required: a checkpoint (model_STEP)");
  if (layer < 0)
    badInput("--layer is required: a number from 0");
  if (out.empty())
    badInput("--out is required: the folder to create");
  removeLayer(weights, layer, out);
  std::printf("%s: %s without layer %lld\n", out.c_str(), weights.c_str(),
              static_cast<long long>(layer));
  return ExitDone;
}
