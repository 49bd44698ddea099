//===- Cost.h - Operations and bytes of an operation ------------*- C++ -*-===//
//
// Counts for profiles and rooflines: what an operation computes, and the bytes
// it must move if each operand is read once and each result written once.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_ANALYSIS_COST_H
#define MIXLN_ANALYSIS_COST_H

#include "mlir/IR/BuiltinOps.h"

namespace mixln {

struct Cost {
  double flops = 0;
  double bytes = 0;
};

/// A matmul is 2MNK; attention counts the causal half of its products (two
/// forward, five backward, whose scores are computed again); a row program its
/// arithmetic, each element one, a multiply-add two. Views cost nothing.
Cost getCost(mlir::Operation *op);

/// FLOPs of a training step for each position: 6 for every weight outside the
/// embedding, and 12 * layers * hidden_size * seq_len / 2 for causal attention.
/// Zero if the module has no `mixln.config`.
double getFlopsPerToken(mlir::ModuleOp module);

} // namespace mixln

#endif // MIXLN_ANALYSIS_COST_H
