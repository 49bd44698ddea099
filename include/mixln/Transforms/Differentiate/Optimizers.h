//===- Optimizers.h - Entries that read gradients ---------------*- C++ -*-===//

#ifndef MIXLN_TRANSFORMS_DIFFERENTIATE_OPTIMIZERS_H
#define MIXLN_TRANSFORMS_DIFFERENTIATE_OPTIMIZERS_H

#include "mixln/IR/Mixln.h"

namespace mixln {

/// The key of a parameter in the run-time tables.
llvm::StringRef getParameterClass(VariableOp parameter);

/// The layer of a parameter named model.layers.{i}.*, or -1.
int64_t getLayerOf(VariableOp parameter);

/// Fills the entry `update`: norm of the gradients, clipping, Adam or AdamW.
void buildUpdate(EntryOp entry, llvm::ArrayRef<VariableOp> parameters);

/// Fills the entry `gradient_norms`: the norm of each layer's gradients.
void buildGradientNorms(EntryOp entry, llvm::ArrayRef<VariableOp> parameters,
                        int64_t layers);

} // namespace mixln

#endif // MIXLN_TRANSFORMS_DIFFERENTIATE_OPTIMIZERS_H
