//===- ModelOps.td - Models, variables, entries ------------*- tablegen -*-===//

#ifndef MIXLN_IR_MODELOPS
#define MIXLN_IR_MODELOPS

include "mixln/IR/MixlnAttributes.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

//===----------------------------------------------------------------------===//
// Import phase
//===----------------------------------------------------------------------===//

def Mixln_ModelOp : Mixln_Op<"model", [
    Symbol, SymbolTable, IsolatedFromAbove, NoTerminator, NoRegionArguments,
    SingleBlock]> {
  let summary = "a transformer as a list of blocks with placements";
  let description = [{
    Holds the sizes of the model in `config` and, in its region, the norm kinds
    and placements that its blocks name. It says what the model is; `expand`
    says what that means.

    `config` has the integers hidden_size, intermediate_size,
    num_attention_heads, num_key_value_heads, num_hidden_layers, vocab_size,
    batch_size, seq_len; the numbers rms_norm_eps, rope_theta,
    initializer_range, embedding_std; where they are not the usual ones,
    attention_scale (of q . k, else 1 / sqrt(head_dim)) and logit_scale (of the
    logits, else 1).

    Example:
    ```mlir
    mixln.model @llama streams ["x"] config {
        hidden_size = 32 : i64, intermediate_size = 72 : i64,
        num_attention_heads = 2 : i64, num_key_value_heads = 2 : i64,
        num_hidden_layers = 1 : i64, vocab_size = 96 : i64,
        batch_size = 2 : i64, seq_len = 16 : i64, rms_norm_eps = 1.0e-6 : f64,
        rope_theta = 10000.0 : f64, initializer_range = 0.02 : f64,
        embedding_std = 0.02 : f64} {
      mixln.block @layers.0
        attention = #mixln.placement<post = #mixln.norm<rms>>,
        mlp = #mixln.placement<post = #mixln.norm<rms>>
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, DictionaryAttr:$config,
                       StrArrayAttr:$streams);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $sym_name `streams` $streams `config` $config attr-dict-with-keyword $body
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// An integer of `config`; the verifier has seen that it is there.
    int64_t getInt(::llvm::StringRef key);
    /// A number of `config`.
    double getDouble(::llvm::StringRef key);
    /// A number that `config` may lack.
    ::mlir::FloatAttr findDouble(::llvm::StringRef key) {
      return getConfig().getAs<::mlir::FloatAttr>(key);
    }
    int64_t getHeadDim() {
      return getInt("hidden_size") / getInt("num_attention_heads");
    }
  }];
}

def Mixln_NormKindOp : Mixln_Op<"norm_kind", [
    Symbol, IsolatedFromAbove, SingleBlock]> {
  let summary = "a norm as a row program, at one width";
  let description = [{
    The region's first argument is the row, the others are its parameters in
    the order of `params`: `vector<Nxf32>` for one with a value per column,
    `f32` for a [1]. It yields the normed row. The symbol is KIND.WIDTH.
    `inits` gives each parameter's initial value; `classes` its parameter
    class; `decay` whether weight decay applies; `lr_mult` its factor on the
    learning rate.

    Example:
    ```mlir
    mixln.norm_kind @l2.32 params [] inits [] {
    ^bb0(%x: vector<32xf32>):
      %0 = arith.mulf %x, %x : vector<32xf32>
      %1 = vector.reduction <add>, %0 : vector<32xf32> into f32
      %2 = math.sqrt %1 : f32
      %3 = vector.broadcast %2 : f32 to vector<32xf32>
      %4 = arith.divf %x, %3 : vector<32xf32>
      mixln.yield rows(%4 : vector<32xf32>)
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrArrayAttr:$params,
                       F64ArrayAttr:$inits,
                       OptionalAttr<StrArrayAttr>:$classes,
                       OptionalAttr<BoolArrayAttr>:$decay,
                       OptionalAttr<F64ArrayAttr>:$lr_mult);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $sym_name `params` $params `inits` $inits (`classes` $classes^)?
    (`decay` $decay^)? (`lr_mult` $lr_mult^)? attr-dict-with-keyword $body
  }];
  let hasRegionVerifier = 1;
}

def Mixln_PlacementOp : Mixln_Op<"placement", [
    Symbol, IsolatedFromAbove]> {
  let summary = "a wiring of sub-layers, or of the model's ends, as regions";
  let description = [{
    What formulas of a norm file become. A sub-layer names it by the key
    `formulas` of `#mixln.placement`; several may share one.

    - `read` yields what the branch reads (before the keys `in` and `c` act);
      in the placement `@readout`, what the head reads.
    - `combine` yields every stream of the model after the branch, unchanged
      ones included; in the placement `@init`, every stream before layer 0.

    An empty region is absent. The strings name the arguments of each region in
    order: streams, sources ("block", "e") and "F" (in `combine`) are rows,
    `vector<Nxf32>`; any other name is a key of `params`, with "{i}" where the
    layer's number stands, and is a row or, for the shape "scalar", f32. Further
    f32 arguments are numbers that differ from layer to layer; their values
    stand in the sub-layer's `read_values`, `combine_values`.

    Example:
    ```mlir
    mixln.placement @gated
      params {"model.layers.{i}.mlp_gain" = {shape = "scalar", init = 0.5 : f64,
                                             class = "scale"}}
      read [] {} combine ["x", "F", "model.layers.{i}.mlp_gain"] {
    ^bb0(%x: vector<32xf32>, %f: vector<32xf32>, %g: f32):
      %0 = vector.broadcast %g : f32 to vector<32xf32>
      %1 = arith.mulf %0, %f : vector<32xf32>
      %2 = arith.addf %x, %1 : vector<32xf32>
      mixln.yield rows(%2 : vector<32xf32>)
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, DictionaryAttr:$params,
                       StrArrayAttr:$read_inputs, StrArrayAttr:$combine_inputs);
  let regions = (region MaxSizedRegion<1>:$read, MaxSizedRegion<1>:$combine);
  let assemblyFormat = [{
    $sym_name `params` $params attr-dict-with-keyword
    `read` $read_inputs $read `combine` $combine_inputs $combine
  }];
  let hasRegionVerifier = 1;
}

def Mixln_BlockOp : Mixln_Op<"block", [Symbol, HasParent<"ModelOp">]> {
  let summary = "one transformer layer: attention and MLP with their placements";
  let description = [{
    Two residual sub-layers on the model's streams, attention first; what each
    computes is said at `#mixln.placement`. The first block is layer 0, with the
    parameters "model.layers.0.*". `expand` replaces it.

    Example:
    ```mlir
    mixln.model @llama streams ["x"] config {
        hidden_size = 32 : i64, intermediate_size = 72 : i64,
        num_attention_heads = 2 : i64, num_key_value_heads = 2 : i64,
        num_hidden_layers = 1 : i64, vocab_size = 96 : i64,
        batch_size = 2 : i64, seq_len = 16 : i64, rms_norm_eps = 1.0e-6 : f64,
        rope_theta = 10000.0 : f64, initializer_range = 0.02 : f64,
        embedding_std = 0.02 : f64} {
      mixln.block @layers.0
        attention = #mixln.placement<in = #mixln.norm<rms>>,
        mlp = #mixln.placement<in = #mixln.norm<rms>, c = 0.5>
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, Mixln_PlacementAttr:$attention,
                       Mixln_PlacementAttr:$mlp);
  let assemblyFormat = [{
    $sym_name `attention` `=` $attention `,` `mlp` `=` $mlp attr-dict
  }];
}

def Mixln_MeasureOp : Mixln_Op<"measure", [
    Symbol, IsolatedFromAbove, SingleBlock]> {
  let summary = "a number of every position or row of a parameter";
  let description = [{
    A row program at every place that `per` names. `inputs` name the region's
    arguments, by place:

    | `per` | inputs |
    |---|---|
    | "layer" | `x`, `y`: the first stream before and after; `e`: the embedding |
    | "sub_layer" | those, `h`: what the branch reads, `F`: what it gives |
    | "attention" | `peak`, `entropy` of a position's probabilities, by head |
    | "parameter" | rows of `w`, of its gradient `g`, of its latest update `u` |

    `dx` is the gradient of the loss by `x`. The region yields one f32 a position or row; the host reduces them by `reduce`: mean,
    rms, max, min, root_sum (the root of their sum) or angle (the mean angle of
    chords of the unit circle, in half turns). A second f32 is reduced likewise
    and divides the first. Parameters of a layer are reduced together where they
    agree in what `by` names: layer, class or parameter; `classes` restricts
    them to some.

    `expand` places what the forward knows in the entry `loss.measured`;
    `measure_at` and what is measured of parameters wait for `differentiate`,
    which finds them in the module.

    Example:
    ```mlir
    mixln.model @llama streams ["x"] config {
        hidden_size = 32 : i64, intermediate_size = 72 : i64,
        num_attention_heads = 2 : i64, num_key_value_heads = 2 : i64,
        num_hidden_layers = 1 : i64, vocab_size = 96 : i64,
        batch_size = 2 : i64, seq_len = 16 : i64, rms_norm_eps = 1.0e-6 : f64,
        rope_theta = 10000.0 : f64, initializer_range = 0.02 : f64,
        embedding_std = 0.02 : f64} {
      mixln.measure @stream_max inputs ["y"] per "layer" reduce "max" {
      ^bb0(%y: vector<32xf32>):
        %0 = math.absf %y : vector<32xf32>
        %1 = vector.reduction <maximumf>, %0 : vector<32xf32> into f32
        mixln.yield rows(%1 : f32)
      }
      mixln.block @layers.0
        attention = #mixln.placement<in = #mixln.norm<rms>>,
        mlp = #mixln.placement<in = #mixln.norm<rms>>
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrArrayAttr:$inputs,
                       StrAttr:$per, StrAttr:$reduce,
                       OptionalAttr<StrAttr>:$by,
                       OptionalAttr<StrArrayAttr>:$classes);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $sym_name `inputs` $inputs `per` $per (`by` $by^)? (`of` $classes^)?
    `reduce` $reduce attr-dict-with-keyword $body
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Variables and entries
//===----------------------------------------------------------------------===//

def Mixln_VariableOp : Mixln_Op<"variable", [Symbol]> {
  let summary = "a tensor that outlives a call";
  let description = [{
    `role` says who fills and reads it. `of` names the parameter that a
    gradient, moment or packed copy belongs to. `parameter_class` is the key of
    the run-time tables (embed, head, qk, v, o, ffn, gain, bias, scale, gate).

    Example:
    ```mlir
    mixln.variable @model.norm.weight : tensor<32xf32> parameter
      init = #mixln.init<constant 1.0> {parameter_class = "gain"}
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name,
                       TypeAttrOf<AnyRankedTensor>:$type,
                       Mixln_RoleAttr:$role, OptionalAttr<Mixln_InitAttr>:$init,
                       OptionalAttr<FlatSymbolRefAttr>:$of,
                       OptionalAttr<StrAttr>:$parameter_class,
                       OptionalAttr<F64Attr>:$lr_mult,
                       OptionalAttr<BoolAttr>:$decay);
  let assemblyFormat = [{
    $sym_name `:` $type custom<RoleKeyword>($role) (`init` `=` $init^)?
    (`of` $of^)? attr-dict
  }];
  let hasVerifier = 1;
}

def Mixln_EntryOp : Mixln_Op<"entry", [
    Symbol, IsolatedFromAbove, SingleBlock, NoTerminator, NoRegionArguments]> {
  let summary = "what the host calls: a list of operations on variables";
  let description = [{
    Straight-line code: no control flow, no arguments, no results. Values come
    from `load` and go to `store`.

    Example:
    ```mlir
    mixln.variable @a : tensor<4xf32> input
    mixln.variable @b : tensor<4xf32> output
    mixln.entry @copy {
      %0 = mixln.load @a : tensor<4xf32>
      mixln.store %0, @b : tensor<4xf32>
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name attr-dict-with-keyword $body";
}

def Mixln_LoadOp : Mixln_Op<"load", [
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "the value of a variable";
  let description = [{
    Reads the value that the variable has at this point of the entry: loads and
    stores of one variable keep their order.

    Example:
    ```mlir
    mixln.variable @a : tensor<4xf32> input
    mixln.entry @read {
      %0 = mixln.load @a : tensor<4xf32>
    }
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$variable);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$variable attr-dict `:` type($result)";
}

def Mixln_StoreOp : Mixln_Op<"store", [
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "gives a variable a new value";
  let description = [{
    Replaces the whole tensor. Later loads of the variable, in this call or in a
    later one of any entry, read `value`; earlier loads keep what they read.

    Example:
    ```mlir
    mixln.variable @a : tensor<4xf32> output
    mixln.entry @write {
      %0 = arith.constant dense<1.0> : tensor<4xf32>
      mixln.store %0, @a : tensor<4xf32>
    }
    ```
  }];
  let arguments = (ins AnyRankedTensor:$value, FlatSymbolRefAttr:$variable);
  let assemblyFormat = "$value `,` $variable attr-dict `:` type($value)";
}

#endif // MIXLN_IR_MODELOPS
