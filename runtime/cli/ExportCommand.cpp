//===- ExportCommand.cpp --------------------------------------------------===//

#include "checkpoint/ModelFolder.h"
#include "cli/Flags.h"
#include "cli/OwnRun.h"
#include "export/HuggingFace.h"
#include "support/Errors.h"
#include "train/RunFolder.h"

#include <cstdio>

using namespace mixln::rt;

int mixln::rt::exportCommand(const Executable &executable,
                             const Arguments &arguments) {
  Flags flags(executable.name + " export",
              "Writes a checkpoint as a folder that other programs load. In a "
              "run folder, weights and tokenizer default to the run's.");
  std::string format = "hf";
  ExportedFolder folder;
  flags.choice("format", format, {"hf"},
               "hf: Hugging Face transformers; a placement that no class of it "
               "computes carries its own modeling_mixln.py");
  flags.text("weights", folder.weights, "checkpoint (model_STEP)");
  flags.text("tokenizer", folder.tokenizer,
             "sentencepiece model; absent: the checkpoint's");
  flags.text("out", folder.out, "folder to create");
  if (!flags.parse(arguments))
    return ExitDone;
  if (folder.out.empty())
    badInput("--out is required: the folder to create");
  if (std::optional<OwnRun> run = findOwnRun(executable)) {
    if (folder.weights.empty())
      folder.weights = newestCheckpointOf(run->folder);
    if (folder.tokenizer.empty())
      folder.tokenizer = run->tokenizer();
  }
  if (folder.weights.empty())
    badInput("--weights is required: a checkpoint (model_STEP)");
  if (folder.tokenizer.empty())
    folder.tokenizer = tokenizerOf(folder.weights);
  exportHuggingFace(folder, executable.program);
  std::printf("%s: %s, %s%s\n", folder.out.c_str(),
              executable.program.norm.c_str(),
              hasStockClass(executable.program)
                  ? "a class that transformers brings"
                  : "modeling_mixln.py (load with trust_remote_code=True)",
              folder.tokenizer.empty() ? "; no tokenizer" : "");
  return ExitDone;
}
