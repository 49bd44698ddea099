//===- RunFlags.cpp - The flags of a run before it is compiled ------------===//

#include "mixln/Pipelines/RunFlags.h"

#include "cli/ResolveFlags.h"
#include "mixln/IR/Mixln.h"
#include "mixln/Pipelines/CompileFlags.h"
#include "support/Errors.h"

#include <nlohmann/json.hpp>

using namespace llvm;
using namespace mixln;

/// What `train` reads of a program before it runs.
static mlir::FailureOr<rt::Program> importProgram(const CompileOptions &options,
                                                  std::string &error) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>> module =
      importConfig(context, options, error);
  if (failed(module) ||
      failed(addMeasurements(*(**module).getOps<ModelOp>().begin(), options,
                             error)))
    return mlir::failure();
  rt::Program program;
  program.batchSize = options.batchSize;
  program.seqLen = options.seqLen;
  program.dtype = getDtype(options);
  program.norm = options.norm;
  program.target = options.target;
  if (auto flags =
          (**module)->getAttrOfType<mlir::DictionaryAttr>("mixln.flags"))
    for (mlir::NamedAttribute flag : flags)
      program.flags[flag.getName().str()] =
          cast<mlir::StringAttr>(flag.getValue()).str();
  return program;
}

std::string mixln::describeRun(ArrayRef<std::string> given,
                               ArrayRef<std::string> arguments,
                               const CompileOptions &options,
                               std::string &error) {
  mlir::FailureOr<rt::Program> program = importProgram(options, error);
  if (failed(program))
    return {};
  nlohmann::ordered_json fixed = {{"batch_size", options.batchSize},
                                  {"seq_len", options.seqLen},
                                  {"dtype", program->dtype},
                                  {"target", options.target}};
  for (size_t i = 0; i < given.size(); ++i) {
    auto [spelled, value] = StringRef(given[i]).split('=');
    std::string name = canonicalFlag(spelled);
    if (spelled.starts_with("--") && findCompileFlag(name) &&
        !fixed.contains(name))
      fixed[name] =
          value.empty() && i + 1 < given.size() ? given[i + 1] : value.str();
  }
  try {
    auto flags = rt::resolveTrainFlags(
        {*program, nullptr, 0, "mixln-train"},
        rt::Arguments(arguments.begin(), arguments.end()));
    return nlohmann::ordered_json{{"compiled", fixed}, {"run", flags}}.dump(2);
  } catch (const rt::InputError &wrong) {
    error = wrong.what();
    return {};
  }
}
