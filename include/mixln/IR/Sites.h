//===- Sites.h - Names of values that survive the phases --------*- C++ -*-===//
//
// A site is where in the model an operation or a value stands:
// `layers.3.mlp.out`, `layers.3.stream`. It is kept in discardable attributes:
// `mixln.site` names the operation, `mixln.layer` its layer, `mixln.names` its
// results. A pass that replaces an operation carries them over with these
// functions; joined operations get their names joined by '+'.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_IR_SITES_H
#define MIXLN_IR_SITES_H

#include "mlir/IR/Operation.h"

#include <optional>

namespace mixln {

/// Names `op`; layer -1 stands for none.
void setSite(mlir::Operation *op, llvm::StringRef site, int64_t layer = -1);
/// The name of `op`, or empty.
llvm::StringRef getSite(mlir::Operation *op);
/// The layer of `op`, or -1.
int64_t getLayer(mlir::Operation *op);

/// Names a result.
void setName(mlir::OpResult result, llvm::StringRef name);
/// The name of a result, or empty.
llvm::StringRef getName(mlir::OpResult result);

/// Gives `to` the site and layer of `from` (and the names of results, where
/// both have the same number of them).
void copySite(mlir::Operation *from, mlir::Operation *to);

} // namespace mixln

#endif // MIXLN_IR_SITES_H
