//===- RunDrawing.cpp - The memory map of a run ---------------------------===//

#include "mixln/Pipelines/RunDrawing.h"

#include "mixln/Pipelines/Cache.h"
#include "mixln/Pipelines/RunFlags.h"

#include "checkpoint/OutputFile.h"
#include "data/Files.h"

#include <fcntl.h>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <unistd.h>

using namespace llvm;
using namespace mixln;

namespace {
/// Says nothing on standard error while it lives.
class Quiet {
public:
  Quiet() : kept(dup(STDERR_FILENO)) {
    int none = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (none >= 0) {
      dup2(none, STDERR_FILENO);
      close(none);
    }
  }
  ~Quiet() {
    if (kept >= 0) {
      dup2(kept, STDERR_FILENO);
      close(kept);
    }
  }
  Quiet(const Quiet &) = delete;
  Quiet &operator=(const Quiet &) = delete;

private:
  int kept;
};
} // namespace

void mixln::drawMemoryOfRun(const std::string &executable,
                            ArrayRef<std::string> given,
                            ArrayRef<std::string> arguments,
                            const CompileOptions &options) {
  namespace fs = std::filesystem;
  Quiet quiet;
  std::string error, text = describeRun(given, arguments, options, error);
  if (!error.empty())
    return;
  try {
    auto flags = nlohmann::json::parse(text).at("run");
    std::string folder = flags.at("save_dir");
    bool isRun = fs::exists(folder + "/run.json") ||
                 fs::exists(folder + "/metrics.jsonl");
    if (isRun && flags.at("resume") != "true")
      return;
    for (const char *name : {"data", "eval_data"})
      if (std::string glob = flags.at(name); !glob.empty())
        rt::expandGlob(std::string("--") + name, glob);
    if (std::string path = flags.at("tokenizer");
        !path.empty() && !fs::exists(path))
      return;
    std::string drawing = drawMemoryOf(executable);
    if (drawing.empty())
      return;
    rt::checkWritableFolder(folder);
    rt::writeTextFile(folder + "/memory.svg", drawing);
  } catch (const std::exception &) {
    // A picture less; the run itself is not concerned.
  }
}
