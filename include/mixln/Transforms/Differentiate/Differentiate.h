//===- Differentiate.h - What the pass needs in a context -------*- C++ -*-===//

#ifndef MIXLN_TRANSFORMS_DIFFERENTIATE_DIFFERENTIATE_H
#define MIXLN_TRANSFORMS_DIFFERENTIATE_DIFFERENTIATE_H

#include "mlir/IR/DialectRegistry.h"

namespace mixln {

/// Makes the tensor operations of entries differentiable: attaches
/// DifferentiableOpInterface to them.
void registerDifferentiableModels(mlir::DialectRegistry &registry);

} // namespace mixln

#endif // MIXLN_TRANSFORMS_DIFFERENTIATE_DIFFERENTIATE_H
