//===- Afterwards.cpp - Flags of what is measured after a run -------------===//
//
// The executables that will read these flags do not exist yet. What commands
// share is declared by the runtime's own groups; the few others are those of
// runtime/cli/EvalCommand.cpp and LayersCommand.cpp, which a test compares.
//
//===----------------------------------------------------------------------===//

#include "Afterwards.h"
#include "cli/SharedFlags.h"
#include "support/Errors.h"

using namespace mixln;
using namespace mixln::sweep;

namespace {
/// Variables and declarations of one command; nothing is done with them.
struct CommandFlags {
  rt::Flags flags;
  rt::DataFlags data;
  rt::ThreadFlags threads;
  rt::DeviceFlags device;
  std::string weights, mean = "total", batch, positions = "last", drop = "auto";
  int64_t tokens = 10'000'000, seed = 0, rows = 0;
  bool perDocument = false;

  explicit CommandFlags(const std::string &name) : flags(name, "") {
    flags.text("weights", weights, "");
    threads.add(flags);
    device.add(flags);
  }
};
} // namespace

static void declareEval(CommandFlags &command) {
  rt::Flags &flags = command.flags;
  command.data.add(flags, /*evaluation=*/true);
  flags.count("eval_tokens", command.tokens, 1, "", {"tokens"});
  rt::addEvalMean(flags, command.mean);
  flags.toggle("per_document", command.perDocument, "");
}

static void declareLayers(CommandFlags &command) {
  rt::Flags &flags = command.flags;
  command.data.add(flags);
  flags.count("seed", command.seed, 0, "");
  flags.text("batch", command.batch, "");
  flags.count("rows", command.rows, 0, "");
  flags.choice("positions", command.positions, {"last", "all"}, "");
  flags.choice("performance_drop", command.drop, {"auto", "on", "off"}, "");
  flags.refused("out", "is set by the sweep itself: layers.json in the folder "
                       "of each run");
}

/// What the commands themselves find out after reading their flags.
static void checkTogether(CommandFlags &command) {
  if (command.flags.given("threads"))
    command.threads.resolve();
  command.device.resolve(command.flags);
  if (!command.batch.empty() && !command.data.data.empty())
    rt::badInput("give one of --batch and --data");
  if (command.perDocument && command.data.packing != "pad")
    rt::badInput("--per_document needs --packing pad: rows of concat hold "
                 "parts of several documents");
}

static bool check(const std::string &key, const std::string &file,
                  const FlagList &given, void (*declare)(CommandFlags &),
                  Sweep &sweep, std::string &error) {
  try {
    CommandFlags command(key);
    declare(command);
    std::vector<std::string> arguments;
    for (auto &[name, value] : given)
      arguments.push_back("--" + name + "=" + value);
    command.flags.parse(arguments);
    checkTogether(command);
    sweep.after[file] = command.flags.resolved();
    return true;
  } catch (const rt::InputError &wrong) {
    error = key + ": " + wrong.what();
    return false;
  }
}

bool mixln::sweep::checkAfterwards(Sweep &sweep, std::string &error) {
  for (auto &[name, flags] : sweep.evaluations)
    if (!check("evaluate." + name, "eval-" + name + ".json", flags, declareEval,
               sweep, error))
      return false;
  return !sweep.measuresLayers || check("layers", "layers.json", sweep.layers,
                                        declareLayers, sweep, error);
}
