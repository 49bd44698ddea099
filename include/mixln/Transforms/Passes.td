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
    entries `loss`, `logits` and `loss.measured`; with `generation` also
    `prefill` and `decode`.
  }];
  let options = [
    Option<"generation", "generation", "bool", /*default=*/"false",
           "make the entries that generate text">];
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

def MixlnTypes : Pass<"mixln-types", "::mlir::ModuleOp"> {
  let summary = "choose the element types of tensors in memory";
  let description = [{
    By the module's attribute `mixln.dtype`: with "bf16", activations and their
    cotangents become bf16, variables stay f32; with "bf16_pure" parameters,
    gradients and moments become bf16 too; with "fp32" or without the attribute
    nothing changes. Arithmetic stays f32 everywhere.
  }];
  let options = [
    Option<"streams", "streams", "std::string", "\"f32\"",
           "type of rows that are carried past a branch: f32 or bf16">];
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

def MixlnKeepPacks : Pass<"mixln-keep-packs", "::mlir::ModuleOp"> {
  let summary = "pack weights once an update, into variables";
  let description = [{
    For models in bf16: what `mixln.pack` makes of a parameter becomes a
    variable of role `packed` that `prepare` and `update` write, where the
    optimizer's row program can lay it out itself. Two copies weigh as much as
    the f32 parameter.
  }];
  let dependentDialects = ["::mixln::MixlnDialect"];
}

def MixlnDecodeWeights : Pass<"mixln-decode-weights", "::mlir::ModuleOp"> {
  let summary = "generate text from weights that are rounded once";
  let description = [{
    For models in bf16 with f32 masters: products of one row in `decode` read
    copies in bf16, which the entry `decode_weights` makes in the bytes of the
    caches. Half the bytes a token, and the same numbers.
  }];
  let dependentDialects = ["::mixln::MixlnDialect"];
}

def MixlnSplitProducts : Pass<"mixln-split-products", "::mlir::ModuleOp"> {
  let summary = "one matmul for each product of a list";
  let description = [{
    For targets without a kernel for lists. The sum of several products becomes
    a chain in which each adds to the one before.
  }];
  let dependentDialects = ["::mixln::MixlnDialect"];
}

def MixlnCastSides : Pass<"mixln-cast-sides", "::mlir::ModuleOp"> {
  let summary = "round the f32 sides of matmuls whose other side is bf16";
  let description = [{
    For targets that read the sides of matmuls as they are, instead of
    `mixln-pack`: one row program for each value of an entry.
  }];
  let dependentDialects = ["::mixln::MixlnDialect"];
}

def MixlnPadRows : Pass<"mixln-pad-rows", "::mlir::ModuleOp"> {
  let summary = "lay odd rows of bf16 products out at multiples of 16 bytes";
  let description = [{
    For targets whose products of bf16 want rows that start at multiples of 16
    bytes: values that only row programs and products touch get the encoding
    `"padded"`, others are copied by row programs.
  }];
  let dependentDialects = ["::mixln::MixlnDialect"];
}

def MixlnAddInProducts : Pass<"mixln-add-in-products", "::mlir::ModuleOp"> {
  let summary = "add the residual while the product is written";
  let description = [{
    For targets whose products may add something that lies elsewhere. Where all
    that reads a product in f32 first adds the same f32 tensor to it, the
    product does: one tensor less is written and read, and no bit changes.
  }];
  let dependentDialects = ["::mixln::MixlnDialect"];
}

def MixlnReuseRows : Pass<"mixln-reuse-rows", "::mlir::ModuleOp"> {
  let summary = "read rows that are stored instead of computing them again";
  let description = [{
    The backward of a row program computes its forward again. Where it would
    read less by reading a stored row of that forward, it does: `x + F` is then
    one operand, and F ends in the forward.
  }];
  let dependentDialects = ["::mixln::MixlnDialect"];
}

def MixlnRematerialize : Pass<"mixln-rematerialize", "::mlir::ModuleOp"> {
  let summary = "compute values of the forward again in the backward";
  let description = [{
    By liveness and cost, with no list of operations: a value that is kept
    across the place where an entry holds most is computed again behind it, from
    what is kept, where that is cheap; with `checkpoints` all but the narrowest
    place of each layer; for `memory-limit` those whose work is least for the
    bytes that they free, until the plan fits. Copies are joined with what reads
    the same rows, up to `most-tensors`: a stream that is computed again through
    many layers would read a tensor of each. The numbers stay the same, bit for
    bit.
  }];
  let options = [
    Option<"memoryLimit", "memory-limit", "int64_t", "0",
           "bytes that the step's arena may have; 0: no limit">,
    Option<"checkpoints", "checkpoints", "bool", "false",
           "keep only the narrowest place of each layer">,
    Option<"mostTensors", "most-tensors", "size_t",
           "std::numeric_limits<size_t>::max()",
           "tensors that a program joined here may read and write, at most">];
  let dependentDialects = ["::mixln::MixlnDialect",
                           "::mlir::tensor::TensorDialect"];
}

def MixlnJoinProducts : Pass<"mixln-join-products", "::mlir::ModuleOp"> {
  let summary = "compute row programs where a product is stored";
  let description = [{
    A row program that reads a product row by row becomes one operation with it,
    `mixln.joined`, where the target's kernel of the product can compute it while
    it stores. From C++ the pass asks the target's kernels; in mixln-opt the
    reference kernels stand in, which can do so for programs without reductions.
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
