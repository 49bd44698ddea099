//===- ExportCommand.cpp --------------------------------------------------===//

#include "checkpoint/ModelFolder.h"
#include "cli/Flags.h"
#include "cli/OwnRun.h"
#include "cli/SharedFlags.h"
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
  std::string format = "hf", tokenizerFile;
  ExportedFolder folder;
  flags.choice("format", format, {"hf"},
               "hf: Hugging Face transformers; a placement that no class of it "
               "computes carries its own modeling_mixln.py");
  flags.text("weights", folder.weights,
             "folder with model.safetensors, of this or another program");
  flags.text("tokenizer", tokenizerFile,
             "sentencepiece model; absent: the checkpoint's");
  flags.text("out", folder.out, "folder to create");
  if (!flags.parse(arguments))
    return ExitDone;
  if (folder.out.empty())
    badInput("--out is required: the folder to create");
  if (std::optional<OwnRun> run = findOwnRun(executable)) {
    // Weights from elsewhere were trained with another tokenizer.
    if (folder.weights.empty() && tokenizerFile.empty())
      tokenizerFile = run->tokenizer();
    if (folder.weights.empty())
      folder.weights = newestCheckpointOf(run->folder);
  }
  if (folder.weights.empty())
    badInput("--weights is required: a checkpoint (model_STEP)");
  if (tokenizerFile.empty())
    tokenizerFile = tokenizerOf(folder.weights);
  auto tokenizer = openTokenizer(tokenizerFile, executable.program);
  folder.tokenizer = tokenizer.get();
  exportHuggingFace(folder, executable.program);
  std::printf("%s: %s, %s%s\n", folder.out.c_str(),
              executable.program.norm.c_str(),
              hasStockClass(executable.program)
                  ? "a class that transformers brings"
                  : "modeling_mixln.py (load with trust_remote_code=True)",
              folder.tokenizer ? "" : "; no tokenizer");
  return ExitDone;
}
