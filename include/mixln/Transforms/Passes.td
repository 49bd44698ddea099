//===- Passes.td - The passes of the pipeline --------------*- tablegen -*-===//

#ifndef MIXLN_TRANSFORMS_PASSES
#define MIXLN_TRANSFORMS_PASSES

include "mlir/Pass/PassBase.td"

def MixlnExpand : Pass<"mixln-expand", "::mlir::ModuleOp"> {
  let summary = "turn blocks with placements into operations on tensors";
  let description = [{
    The only pass that knows what a placement means. Every sub-layer becomes
    two row programs, read and combine, around the operations of its branch, by
    one rule for attributes and formulas alike. Makes the variables and the
    entries `loss`, `logits` and `loss.measured`.
  }];
  let dependentDialects = [
    "::mixln::MixlnDialect", "::mlir::arith::ArithDialect",
    "::mlir::math::MathDialect", "::mlir::tensor::TensorDialect",
    "::mlir::vector::VectorDialect"];
}

def MixlnMerge : Pass<"mixln-merge", "::mlir::ModuleOp"> {
  let summary = "join the row programs of the forward, and its matmuls that "
                "share an input";
  let description = [{
    Runs before differentiation, so that each joined program gets one backward
    program.
  }];
  let dependentDialects = ["::mixln::MixlnDialect"];
}

def MixlnDifferentiate : Pass<"mixln-differentiate", "::mlir::ModuleOp"> {
  let summary = "derive gradient, update and measurement entries";
  let description = [{
    From the entry `loss`: `gradient` (overwrites the gradients),
    `gradient_add` (adds to them), `update` (norm, clipping, optimizer),
    `gradient_norms`; from `loss.measured`: `gradient.measured`.
  }];
  let dependentDialects = [
    "::mixln::MixlnDialect", "::mlir::arith::ArithDialect",
    "::mlir::math::MathDialect", "::mlir::tensor::TensorDialect",
    "::mlir::vector::VectorDialect"];
}

def MixlnFuse : Pass<"mixln-fuse", "::mlir::ModuleOp"> {
  let summary = "join row programs over forward, backward and update";
  let description = [{
    The pass that `mixln-merge` runs on the forward, now on everything:
    residual + norm, forward and backward, come out of it for every placement.
    With `verify-paths` it is an error if two row programs are left with
    nothing between them.
  }];
  let options = [
    Option<"verifyPaths", "verify-paths", "bool", "false",
           "fail where two row programs follow each other directly">];
  let dependentDialects = ["::mixln::MixlnDialect"];
}

def MixlnChunk : Pass<"mixln-chunk", "::mlir::ModuleOp"> {
  let summary = "compute large intermediates a few rows at a time";
  let description = [{
    Operations connected through a tensor of more than `threshold` bytes that
    lives inside an entry (the logits and their gradient) are repeated over
    slices of `rows` rows, so that the tensor never exists whole.
  }];
  let options = [
    Option<"rows", "rows", "int64_t", "512", "rows of a chunk">,
    Option<"threshold", "threshold", "int64_t", "33554432",
           "bytes from which on an intermediate is computed in chunks">];
  let dependentDialects = ["::mixln::MixlnDialect",
                           "::mlir::tensor::TensorDialect"];
}

def MixlnPack : Pass<"mixln-pack", "::mlir::ModuleOp"> {
  let summary = "lay out the right sides of matmuls in panels";
  let description = [{
    One `mixln.pack` for each value of an entry and way that matmuls read it.
  }];
  let dependentDialects = ["::mixln::MixlnDialect"];
}

def MixlnPlanMemory : Pass<"mixln-plan-memory", "::mlir::ModuleOp"> {
  let summary = "give every value a place in one arena";
  let description = [{
    Variables get fixed offsets; the values inside entries share the bytes
    behind them, results over operands where the kernel allows it, parts of a
    concatenation and stored values where they will be read. From C++ the pass
    asks the target's kernels; in mixln-opt the reference kernels stand in.
  }];
  let options = [
    Option<"verify", "verify", "bool", "false",
           "simulate the planned entries and check what each operation reads">];
  let dependentDialects = ["::mixln::MixlnDialect",
                           "::mlir::tensor::TensorDialect"];
}

def MixlnFormDispatches : Pass<"mixln-form-dispatches", "::mlir::ModuleOp"> {
  let summary = "turn planned operations into dispatches of kernels";
  let description = [{
    Operations with equal keys become dispatches of one kernel; reshapes,
    slices, concatenations, loads and stores vanish.
  }];
  let dependentDialects = ["::mixln::MixlnDialect"];
}

#endif // MIXLN_TRANSFORMS_PASSES
