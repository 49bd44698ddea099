//===- CopyRows.h - The same rows as another type ---------------*- C++ -*-===//

#ifndef MIXLN_TRANSFORMS_FUSE_COPYROWS_H
#define MIXLN_TRANSFORMS_FUSE_COPYROWS_H

#include "mixln/IR/Mixln.h"

namespace mixln {

/// A row program that stores the rows of `value`, plus those of `addend` where
/// there is one, as `type`. Its site is that of `at`, with `what` behind.
mlir::Value copyRows(mlir::OpBuilder &builder, mlir::Value value,
                     mlir::RankedTensorType type, mlir::Operation *at,
                     llvm::StringRef what, mlir::Value addend = {});

} // namespace mixln

#endif // MIXLN_TRANSFORMS_FUSE_COPYROWS_H
