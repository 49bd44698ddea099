//===- OperationNames.h - Readable names of kernels -------------*- C++ -*-===//

#ifndef MIXLN_TARGET_OPERATIONNAMES_H
#define MIXLN_TARGET_OPERATIONNAMES_H

#include "mixln/IR/Mixln.h"

#include <string>

namespace mixln {

/// A short name from the operation's site and the length of its rows, for
/// readers of profiles: rows.mlp_swiglu.1368. Equal layers share the kernel,
/// so it has no layer.
std::string getRowName(RowwiseOp op);

} // namespace mixln

#endif // MIXLN_TARGET_OPERATIONNAMES_H
