//===- Config.cpp - Hugging Face configs ----------------------------------===//

#include "mixln/Frontend/Import.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"

#include "Memory.h"

using namespace mixln;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  llvm::StringRef text(reinterpret_cast<const char *>(data), size);
  std::string error;
  auto config = parseModelConfig(text, "config.json", error);
  if (failed(config))
    return 0;
  auto spec = resolveNorm(NormRequest(), *config, error);
  if (failed(spec))
    return 0;
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  auto model = importModel(&context, *config, *spec, 1, 4, error);
  if (succeeded(model))
    fuzz::require(succeeded(mlir::verify(**model)), "a model is valid IR");
  return 0;
}
