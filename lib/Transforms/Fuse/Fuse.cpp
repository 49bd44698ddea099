//===- Fuse.cpp - mixln-fuse ----------------------------------------------===//
//
// Before: the forward's joined row programs, the backward of each, additions
// of cotangents. After: one row program between two matmuls, in both
// directions. The joining is Merge/Join.cpp's.
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
