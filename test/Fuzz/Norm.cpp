//===- Norm.cpp - Norm files ----------------------------------------------===//

#include "Memory.h"
#include "mixln/Frontend/Import.h"
#include "mixln/Transforms/Passes.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"

using namespace mixln;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string error;
  auto config = parseModelConfig(R"({
    "hidden_size": 8, "intermediate_size": 6, "num_attention_heads": 2,
    "num_key_value_heads": 1, "num_hidden_layers": 3, "vocab_size": 5,
    "post_num": 1})",
                                 "config.json", error);
  config->normSpec.assign(data, data + size);
  auto spec = resolveNorm(NormRequest(), *config, error);
  if (failed(spec))
    return 0;
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  context.loadDialect<mlir::tensor::TensorDialect>();
  auto model = importModel(&context, *config, *spec, 1, 4, error);
  if (failed(model))
    return 0;
  mlir::PassManager manager(&context);
  manager.addPass(createMixlnExpand());
  fuzz::require(succeeded(manager.run(**model)),
                "a placement that is accepted can be expanded");
  return 0;
}
