//===- Import.h - Config and norm spec to mixln.model -----------*- C++ -*-===//

#ifndef MIXLN_FRONTEND_IMPORT_H
#define MIXLN_FRONTEND_IMPORT_H

#include "mixln/Frontend/ModelConfig.h"
#include "mixln/Frontend/NormSpec.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace mixln {

/// The module with one `mixln.model`: norm kinds at the widths that occur,
/// wirings, blocks with their placements. `batchSize` sequences of `seqLen`
/// tokens are one micro-batch. The module carries `mixln.norm` (how the
/// placement was asked for) and `mixln.config_json` (the Hugging Face config
/// of a checkpoint).
mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>>
importModel(mlir::MLIRContext *context, const ModelConfig &config,
            const NormSpec &spec, int64_t batchSize, int64_t seqLen,
            std::string &error);

/// The text of the config that a checkpoint carries: every key of the input,
/// what reproduces the norm spec, and the stock class that computes `model`,
/// or else MixlnForCausalLM.
mlir::FailureOr<std::string> checkpointConfig(mlir::ModuleOp model,
                                              const ModelConfig &config,
                                              const NormSpec &spec,
                                              std::string &error);

} // namespace mixln

#endif // MIXLN_FRONTEND_IMPORT_H
