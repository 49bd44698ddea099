//===- Registry.h - The dialects that a compilation needs -------*- C++ -*-===//

#ifndef MIXLN_PIPELINES_REGISTRY_H
#define MIXLN_PIPELINES_REGISTRY_H

#include "mlir/IR/DialectRegistry.h"

namespace mixln {

/// The dialect, the upstream ones it uses, its derivatives, and what kernels
/// are written in.
mlir::DialectRegistry makeRegistry();

} // namespace mixln

#endif // MIXLN_PIPELINES_REGISTRY_H
