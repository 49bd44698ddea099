//===- Fuse.cpp - mixln-fuse ----------------------------------------------===//
//
// Before: the forward's joined row programs, the backward of each, additions
// of cotangents:
//
//   %dh = mixln.matmul lhs(%dq, %dk) rhs(%wq, %wk) reduce
//   %dn, %dg = mixln.rowwise [8] rows(%y, %dh) shared(%g)
//       -> rows(...) sums(...) { the adjoint of norm(%y) * %g }
//   %dy = mixln.rowwise [8] rows(%dz, %dn) { yield rows(%dz + %dn) }
//   %df = mixln.matmul lhs(%dy) rhs(%wo)
//
// After: one row program between two matmuls, in both directions:
//
//   %dh = mixln.matmul lhs(%dq, %dk) rhs(%wq, %wk) reduce
//   %dy, %dg = mixln.rowwise [8] rows(%y, %dh, %dz) shared(%g)
//       -> rows(...) sums(...) { that adjoint, and %dz + it }
//   %df = mixln.matmul lhs(%dy) rhs(%wo)
//
// The joining is Merge/Join.cpp's.
//
//===----------------------------------------------------------------------===//

#include "mixln/Transforms/Fuse/SplitSums.h"
#include "mixln/Transforms/Merge/Join.h"
#include "mixln/Transforms/Merge/Paths.h"
#include "mixln/Transforms/Passes.h"

namespace mixln {
#define GEN_PASS_DEF_MIXLNFUSE
#include "mixln/Transforms/Passes.h.inc"
} // namespace mixln

using namespace mlir;
using namespace mixln;

namespace {
struct Fuse : mixln::impl::MixlnFuseBase<Fuse> {
  using MixlnFuseBase::MixlnFuseBase;

  void runOnOperation() override {
    JoinOptions options;
    options.category = "mixln-fuse";
    options.dropStopGradient = true;
    for (auto entry : getOperation().getOps<EntryOp>()) {
      splitSums(entry);
      joinRowPrograms(entry, options);
      if (verifyPaths && failed(verifyOneRowProgramPerPath(entry)))
        return signalPassFailure();
    }
  }
};
} // namespace
