//===- Merge.cpp - mixln-merge --------------------------------------------===//
//
// Before: a row program for each read, norm and combine, a matmul for each
// projection:
//
//   %y = mixln.rowwise [8] rows(%x, %f) { yield rows(%x + %f) }
//   %h = mixln.rowwise [8] rows(%y) shared(%g) { yield rows(norm(%y) * %g) }
//   %q = mixln.matmul lhs(%h) rhs(%wq) transpose_rhs
//   %k = mixln.matmul lhs(%h) rhs(%wk) transpose_rhs
//
// After: one row program between two matmuls, and one matmul for those of a
// layer that read the same rows:
//
//   %y, %h = mixln.rowwise [8] rows(%x, %f) shared(%g) {
//     yield rows(%x + %f, norm(%x + %f) * %g) }
//   %q, %k = mixln.matmul lhs(%h) rhs(%wq, %wk) transpose_rhs
//
// See Join.cpp and MergeMatmuls.cpp.
//
//===----------------------------------------------------------------------===//

#include "mixln/Transforms/Merge/Join.h"
#include "mixln/Transforms/Passes.h"

namespace mixln {
#define GEN_PASS_DEF_MIXLNMERGE
#include "mixln/Transforms/Passes.h.inc"
} // namespace mixln

using namespace mlir;
using namespace mixln;

namespace {
struct Merge : mixln::impl::MixlnMergeBase<Merge> {
  void runOnOperation() override {
    JoinOptions options;
    options.category = "mixln-merge";
    for (auto entry : getOperation().getOps<EntryOp>()) {
      joinRowPrograms(entry, options);
      mergeMatmuls(entry, options.category);
    }
  }
};
} // namespace
