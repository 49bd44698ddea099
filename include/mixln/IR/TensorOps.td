//===- TensorOps.td - Operations on whole tensors ----------*- tablegen -*-===//

#ifndef MIXLN_IR_TENSOROPS
#define MIXLN_IR_TENSOROPS

include "mixln/IR/MixlnAttributes.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Mixln_EmbeddingOp : Mixln_Op<"embedding", [Pure]> {
  let summary = "rows of a table: out[r] = table[ids[r]]";
  let description = [{
    Example:
    ```mlir
    %table = tensor.empty() : tensor<96x32xf32>
    %ids = tensor.empty() : tensor<8xi32>
    %x = mixln.embedding %table, %ids
      : tensor<96x32xf32>, tensor<8xi32> -> tensor<8x32xf32>
    ```
  }];
  let arguments = (ins RankedTensorOf<[F32, BF16]>:$table,
                       RankedTensorOf<[I32]>:$ids);
  let results = (outs RankedTensorOf<[F32, BF16]>:$result);
  let assemblyFormat = [{
    $table `,` $ids attr-dict `:` type($table) `,` type($ids) `->`
    type($result)
  }];
  let hasVerifier = 1;
}

def Mixln_EmbeddingGradOp : Mixln_Op<"embedding_grad", [Pure]> {
  let summary = "gradient of the table: adds the rows of each token";
  let description = [{
    out[v] = into[v] (or 0) + sum of dy[r] over ids[r] == v. `order` lists the
    positions sorted by (token, position), `starts` where each distinct token's
    run begins in it (entries after the last run are the number of rows); both
    come from the loader, so no two tasks add to one row.

    Example:
    ```mlir
    %dy = tensor.empty() : tensor<8x32xf32>
    %ids = tensor.empty() : tensor<8xi32>
    %order = tensor.empty() : tensor<8xi32>
    %starts = tensor.empty() : tensor<9xi32>
    %g = mixln.embedding_grad %dy, %ids, %order, %starts
      : tensor<8x32xf32>, tensor<8xi32>, tensor<8xi32>, tensor<9xi32>
      -> tensor<96x32xf32>
    ```
  }];
  let arguments = (ins RankedTensorOf<[F32, BF16]>:$dy,
                       RankedTensorOf<[I32]>:$ids,
                       RankedTensorOf<[I32]>:$order,
                       RankedTensorOf<[I32]>:$starts,
                       Optional<RankedTensorOf<[F32]>>:$into);
  let results = (outs RankedTensorOf<[F32]>:$result);
  let assemblyFormat = [{
    $dy `,` $ids `,` $order `,` $starts (`into` $into^ `:` type($into))?
    attr-dict `:` type($dy) `,` type($ids) `,` type($order) `,` type($starts)
    `->` type($result)
  }];
  let hasVerifier = 1;
}

def Mixln_MatmulOp : Mixln_Op<"matmul", [Pure, AttrSizedOperandSegments]> {
  let summary = "a list of matrix products that share an operand or a result";
  let description = [{
    With lists lhs = [A_0..], rhs = [B_0..] of equal length (or one of them of
    length one, used for all):

    - without `reduce`: C_i = A_i * B_i for every i;
    - with `reduce`: one result, the sum of all A_i * B_i.

    `transpose_lhs`, `transpose_rhs` read each A_i, B_i transposed. `into`
    holds one tensor a result that is added to it. An rhs may have the encoding
    `#mixln.packed`, either side of a matmul with transpose_lhs the encoding
    `#mixln.paired`, see `mixln.pack`.

    If one of the sides is bf16, the numbers that are multiplied are: f32 ones
    are rounded first. Sums are always f32.

    Example:
    ```mlir
    %h = tensor.empty() : tensor<8x32xf32>
    %wq = tensor.empty() : tensor<32x32xf32>
    %wk = tensor.empty() : tensor<16x32xf32>
    %q, %k = mixln.matmul lhs(%h : tensor<8x32xf32>)
        rhs(%wq, %wk : tensor<32x32xf32>, tensor<16x32xf32>) transpose_rhs
        -> tensor<8x32xf32>, tensor<8x16xf32>
    ```
  }];
  let arguments = (ins Variadic<RankedTensorOf<[F32, BF16]>>:$lhs,
                       Variadic<RankedTensorOf<[F32, BF16]>>:$rhs,
                       Variadic<RankedTensorOf<[F32, BF16]>>:$into,
                       UnitAttr:$transpose_lhs, UnitAttr:$transpose_rhs,
                       UnitAttr:$reduce);
  let results = (outs Variadic<RankedTensorOf<[F32, BF16]>>:$results);
  let assemblyFormat = [{
    `lhs` `(` $lhs `:` type($lhs) `)` `rhs` `(` $rhs `:` type($rhs) `)`
    (`into` `(` $into^ `:` type($into) `)`)?
    (`transpose_lhs` $transpose_lhs^)? (`transpose_rhs` $transpose_rhs^)?
    (`reduce` $reduce^)? attr-dict `->` type($results)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// Number of products A_i * B_i.
    unsigned getNumProducts() {
      return std::max(getLhs().size(), getRhs().size());
    }
    /// Whether the numbers that are multiplied are bf16.
    bool multipliesBF16();
    /// Whether it is one row times matrices that lie transposed: no element of
    /// a matrix is read twice, so packing it would only cost.
    bool isMatvec() {
      return getM() == 1 && getTransposeRhs() && !getTransposeLhs() &&
             !getReduce() && getInto().empty();
    }
    ::mlir::Value getLhsOf(unsigned product) {
      return getLhs()[getLhs().size() == 1 ? 0 : product];
    }
    ::mlir::Value getRhsOf(unsigned product) {
      return getRhs()[getRhs().size() == 1 ? 0 : product];
    }
    /// Rows of the results, columns of product i, length of its inner sum.
    int64_t getM();
    int64_t getN(unsigned product);
    int64_t getK(unsigned product);
  }];
}

def Mixln_PackOp : Mixln_Op<"pack", [Pure]> {
  let summary = "lays a side of a matmul out in the order of its reading";
  let description = [{
    The identity on values but for the rounding of an f32 that becomes bf16:
    only the layout in memory changes. Made by `fuse`. `#mixln.packed` are the
    panels of a right side, `#mixln.paired` is a side of a bf16 matmul with
    transpose_lhs.

    Example:
    ```mlir
    %w = tensor.empty() : tensor<16x32xf32>
    %p = mixln.pack %w : tensor<16x32xf32>
      -> tensor<16x32xf32, #mixln.packed<transposed>>
    ```
  }];
  let arguments = (ins RankedTensorOf<[F32, BF16]>:$value);
  let results = (outs RankedTensorOf<[F32, BF16]>:$result);
  let assemblyFormat = "$value attr-dict `:` type($value) `->` type($result)";
  let hasVerifier = 1;
}

class Mixln_AttentionBase<string mnemonic, list<Trait> traits>
    : Mixln_Op<mnemonic, traits> {
  code attentionDeclarations = [{
    int64_t getHeadDim() {
      return ::llvm::cast<::mlir::RankedTensorType>(getQ().getType())
                 .getDimSize(1) / getHeads();
    }
    int64_t getKvHeads() {
      return ::llvm::cast<::mlir::RankedTensorType>(getK().getType())
                 .getDimSize(1) / getHeadDim();
    }
    /// T: the number of rows of the RoPE tables.
    int64_t getSeqLen() {
      return ::llvm::cast<::mlir::RankedTensorType>(getCos().getType())
          .getDimSize(0);
    }
    /// What multiplies q . k.
    double getScoreScale() {
      if (::std::optional<::llvm::APFloat> scale = getScale())
        return scale->convertToDouble();
      return 1 / ::std::sqrt(static_cast<double>(getHeadDim()));
    }
  }];
}

def Mixln_AttentionOp : Mixln_AttentionBase<"attention", [Pure]> {
  let summary = "causal attention with RoPE, heads side by side in a row";
  let description = [{
    q is [B*T, heads*head_dim], k and v [B*T, kv_heads*head_dim]; query head h
    reads key/value head h / (heads / kv_heads). q and k are rotated by the
    tables cos, sin [T, head_dim/2] (channel j with j + head_dim/2), the scores
    multiplied by `scale`, by default 1 / sqrt(head_dim). `lse` [B*T, heads] is the logarithm of the sum
    of the exponentials of a row's scores, kept for the backward. Two more
    results [B*T, heads], where measurements read them: the largest score of a
    row, and the entropy of its probabilities (in nats).

    Example:
    ```mlir
    %q = tensor.empty() : tensor<8x32xf32>
    %k = tensor.empty() : tensor<8x32xf32>
    %v = tensor.empty() : tensor<8x32xf32>
    %cos = tensor.empty() : tensor<4x8xf32>
    %sin = tensor.empty() : tensor<4x8xf32>
    %ctx, %lse = mixln.attention %q, %k, %v, %cos, %sin {heads = 2 : i64}
      : tensor<8x32xf32>, tensor<8x32xf32>, tensor<8x32xf32>,
        tensor<4x8xf32>, tensor<4x8xf32> -> tensor<8x32xf32>, tensor<8x2xf32>
    ```
  }];
  let arguments = (ins RankedTensorOf<[F32, BF16]>:$q,
                       RankedTensorOf<[F32, BF16]>:$k,
                       RankedTensorOf<[F32, BF16]>:$v,
                       RankedTensorOf<[F32]>:$cos, RankedTensorOf<[F32]>:$sin,
                       I64Attr:$heads, OptionalAttr<F64Attr>:$scale);
  let results = (outs RankedTensorOf<[F32, BF16]>:$ctx,
                      RankedTensorOf<[F32]>:$lse,
                      Variadic<RankedTensorOf<[F32]>>:$scores);
  let assemblyFormat = [{
    $q `,` $k `,` $v `,` $cos `,` $sin attr-dict `:` type($q) `,` type($k) `,`
    type($v) `,` type($cos) `,` type($sin) `->` type($ctx) `,` type($lse)
    (`,` type($scores)^)?
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = attentionDeclarations;
}

def Mixln_AttentionGradOp : Mixln_AttentionBase<"attention_grad", [Pure]> {
  let summary = "backward of `attention`";
  let description = [{
    From the forward's operands, results and `scale` and the cotangent of ctx
    to the cotangents of q, k and v. (lse has no cotangent: nothing differentiable
    reads it.)

    Example:
    ```mlir
    %q = tensor.empty() : tensor<8x32xf32>
    %k = tensor.empty() : tensor<8x16xf32>
    %cos = tensor.empty() : tensor<4x8xf32>
    %lse = tensor.empty() : tensor<8x2xf32>
    %dq, %dk, %dv = mixln.attention_grad %q, %k, %k, %cos, %cos, %q, %lse, %q
        {heads = 2 : i64}
      : tensor<8x32xf32>, tensor<8x16xf32>, tensor<8x16xf32>, tensor<4x8xf32>,
        tensor<4x8xf32>, tensor<8x32xf32>, tensor<8x2xf32>, tensor<8x32xf32>
      -> tensor<8x32xf32>, tensor<8x16xf32>, tensor<8x16xf32>
    ```
  }];
  let arguments = (ins RankedTensorOf<[F32, BF16]>:$q,
                       RankedTensorOf<[F32, BF16]>:$k,
                       RankedTensorOf<[F32, BF16]>:$v,
                       RankedTensorOf<[F32]>:$cos, RankedTensorOf<[F32]>:$sin,
                       RankedTensorOf<[F32, BF16]>:$ctx,
                       RankedTensorOf<[F32]>:$lse,
                       RankedTensorOf<[F32, BF16]>:$dctx,
                       I64Attr:$heads, OptionalAttr<F64Attr>:$scale);
  let results = (outs RankedTensorOf<[F32, BF16]>:$dq,
                      RankedTensorOf<[F32, BF16]>:$dk,
                      RankedTensorOf<[F32, BF16]>:$dv);
  let assemblyFormat = [{
    $q `,` $k `,` $v `,` $cos `,` $sin `,` $ctx `,` $lse `,` $dctx attr-dict
    `:` type($q) `,` type($k) `,` type($v) `,` type($cos) `,` type($sin) `,`
    type($ctx) `,` type($lse) `,` type($dctx) `->` type($dq) `,` type($dk) `,`
    type($dv)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = attentionDeclarations;
}

def Mixln_AttentionStepOp : Mixln_AttentionBase<"attention_step", [Pure]> {
  let summary = "attention of one position over the positions before it";
  let description = [{
    One row of `attention`: q [1, heads*head_dim], k and v [1,
    kv_heads*head_dim] stand at `position` [1], a number from 0 to T - 1. `keys`
    and `values` [T, kv_heads*head_dim] hold k and v of the positions before it;
    the results `new_keys` and `new_values` are they with k and v at row
    `position`. Their bytes are the operands'. Keys are kept as they came:
    rotation by the tables cos, sin [T, head_dim/2] happens on load, as in
    `attention`, so that k and v of a whole sequence may be stored as they are.
    Rows behind `position` are not read.

    Example:
    ```mlir
    %q = tensor.empty() : tensor<1x32xf32>
    %k = tensor.empty() : tensor<1x16xf32>
    %cos = tensor.empty() : tensor<4x8xf32>
    %keys = tensor.empty() : tensor<4x16xf32>
    %at = tensor.empty() : tensor<1xi32>
    %ctx, %k1, %v1 = mixln.attention_step %q, %k, %k, %cos, %cos, %keys, %keys,
        %at {heads = 2 : i64}
      : tensor<1x32xf32>, tensor<1x16xf32>, tensor<1x16xf32>, tensor<4x8xf32>,
        tensor<4x8xf32>, tensor<4x16xf32>, tensor<4x16xf32>, tensor<1xi32>
      -> tensor<1x32xf32>, tensor<4x16xf32>, tensor<4x16xf32>
    ```
  }];
  let arguments = (ins RankedTensorOf<[F32, BF16]>:$q,
                       RankedTensorOf<[F32, BF16]>:$k,
                       RankedTensorOf<[F32, BF16]>:$v,
                       RankedTensorOf<[F32]>:$cos, RankedTensorOf<[F32]>:$sin,
                       RankedTensorOf<[F32, BF16]>:$keys,
                       RankedTensorOf<[F32, BF16]>:$values,
                       RankedTensorOf<[I32]>:$position,
                       I64Attr:$heads, OptionalAttr<F64Attr>:$scale);
  let results = (outs RankedTensorOf<[F32, BF16]>:$ctx,
                      RankedTensorOf<[F32, BF16]>:$new_keys,
                      RankedTensorOf<[F32, BF16]>:$new_values);
  let assemblyFormat = [{
    $q `,` $k `,` $v `,` $cos `,` $sin `,` $keys `,` $values `,` $position
    attr-dict `:` type($q) `,` type($k) `,` type($v) `,` type($cos) `,`
    type($sin) `,` type($keys) `,` type($values) `,` type($position) `->`
    type($ctx) `,` type($new_keys) `,` type($new_values)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = attentionDeclarations;
}

def Mixln_MeasureAtOp : Mixln_Op<"measure_at", [
    Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "a measurement that reads gradients, before there are any";
  let description = [{
    Stands for the row program of a `measure` on `values`, in the order of its
    inputs: an input `dx` is the gradient of the loss by that value, a loaded
    tensor of zeros that the entry adds to what is measured. `differentiate`
    puts the row program behind the backward. Until then it is zero: an entry
    without a backward has no gradients. What it gives is only stored.

    Example:
    ```mlir
    mixln.measure @input_gradient inputs ["dx"] per "layer" reduce "max" {
    ^bb0(%d: vector<32xf32>):
      %0 = math.absf %d : vector<32xf32>
      %1 = vector.reduction <maximumf>, %0 : vector<32xf32> into f32
      mixln.yield rows(%1 : f32)
    }
    %x = tensor.empty() : tensor<8x32xf32>
    %m = mixln.measure_at @input_gradient (%x : tensor<8x32xf32>)
      -> tensor<8xf32>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$measure,
                       Variadic<RankedTensorOf<[F32]>>:$values);
  let results = (outs Variadic<RankedTensorOf<[F32]>>:$numbers);
  let assemblyFormat = [{
    $measure `(` $values `:` type($values) `)` attr-dict `->` type($numbers)
  }];
  let hasVerifier = 1;
}

#endif // MIXLN_IR_TENSOROPS
