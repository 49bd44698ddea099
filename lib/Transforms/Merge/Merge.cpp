//===- Merge.cpp - mixln-merge --------------------------------------------===//
//
// Before: a row program for each read, norm and combine, a matmul for each
// projection. After: one row program between two matmuls, and one matmul for
// those that read the same rows. See Join.cpp and MergeMatmuls.cpp.
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
