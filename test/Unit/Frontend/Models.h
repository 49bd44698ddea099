//===- Models.h - Models for the tests of the front -------------*- C++ -*-===//

#ifndef MIXLN_TEST_UNIT_FRONTEND_MODELS_H
#define MIXLN_TEST_UNIT_FRONTEND_MODELS_H

#include "mixln/Frontend/Import.h"
#include "mixln/Frontend/Json.h"
#include "mixln/Transforms/Passes.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"

#include <gtest/gtest.h>

namespace mixln::test {

/// A small config with `change` merged into it.
inline ModelConfig config(const char *change = "{}") {
  Json json = {{"hidden_size", 32},        {"intermediate_size", 72},
               {"num_attention_heads", 2}, {"num_hidden_layers", 4},
               {"vocab_size", 96},         {"rms_norm_eps", 1e-6}};
  json.merge_patch(Json::parse(change));
  std::string error;
  auto config = parseModelConfig(json.dump(), "config.json", error);
  EXPECT_TRUE(succeeded(config)) << error;
  return *config;
}

inline mlir::OwningOpRef<mlir::ModuleOp>
import(mlir::MLIRContext &context, const ModelConfig &config,
       const NormRequest &request = {}, int64_t batch = 2, int64_t T = 8) {
  std::string error;
  auto spec = resolveNorm(request, config, error);
  EXPECT_TRUE(succeeded(spec)) << error;
  if (failed(spec))
    return {};
  auto module = importModel(&context, config, *spec, batch, T, error);
  EXPECT_TRUE(succeeded(module)) << error;
  return succeeded(module) ? std::move(*module)
                           : mlir::OwningOpRef<mlir::ModuleOp>();
}

/// The same from the text of a norm file.
inline mlir::OwningOpRef<mlir::ModuleOp> importFile(mlir::MLIRContext &context,
                                                    const ModelConfig &config,
                                                    const char *text) {
  std::string error;
  auto spec = parseNormFile(text, "norm.json", "", error);
  EXPECT_TRUE(succeeded(spec)) << error;
  if (failed(spec))
    return {};
  auto module = importModel(&context, config, *spec, 2, 8, error);
  EXPECT_TRUE(succeeded(module)) << error;
  return succeeded(module) ? std::move(*module)
                           : mlir::OwningOpRef<mlir::ModuleOp>();
}

inline bool expand(mlir::ModuleOp module) {
  mlir::PassManager manager(module.getContext());
  manager.addPass(createMixlnExpand());
  return succeeded(manager.run(module));
}

/// The text of all entries: what a model computes.
inline std::string entries(mlir::ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  for (EntryOp entry : module.getOps<EntryOp>())
    entry->print(stream, mlir::OpPrintingFlags().useLocalScope());
  return text;
}

} // namespace mixln::test

#endif // MIXLN_TEST_UNIT_FRONTEND_MODELS_H
