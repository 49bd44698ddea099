// RUN: mixln-opt %s --split-input-file --verify-diagnostics

// Sizes must divide.
// expected-error @below {{hidden_size 130 is not a multiple of num_attention_heads 4}}
mixln.model @model streams ["x"] config {
    hidden_size = 130 : i64, intermediate_size = 6 : i64,
    num_attention_heads = 4 : i64, num_key_value_heads = 2 : i64,
    num_hidden_layers = 1 : i64, vocab_size = 5 : i64, batch_size = 1 : i64,
    seq_len = 4 : i64, rms_norm_eps = 1.0e-06 : f64, rope_theta = 1.0e+04 : f64,
    initializer_range = 2.0e-02 : f64, embedding_std = 5.0e-01 : f64} {
  mixln.block @layers.0 attention = #mixln.placement<>, mlp = #mixln.placement<>
}

// -----

// Key and value heads must divide the heads.
// expected-error @below {{num_attention_heads 2 is not a multiple of num_key_value_heads 3}}
mixln.model @model streams ["x"] config {
    hidden_size = 8 : i64, intermediate_size = 6 : i64,
    num_attention_heads = 2 : i64, num_key_value_heads = 3 : i64,
    num_hidden_layers = 1 : i64, vocab_size = 5 : i64, batch_size = 1 : i64,
    seq_len = 4 : i64, rms_norm_eps = 1.0e-06 : f64, rope_theta = 1.0e+04 : f64,
    initializer_range = 2.0e-02 : f64, embedding_std = 5.0e-01 : f64} {
  mixln.block @layers.0 attention = #mixln.placement<>, mlp = #mixln.placement<>
}

// -----

// Rotary embeddings pair the halves of a head.
// expected-error @below {{head dimension 3 (hidden_size / num_attention_heads) is odd}}
mixln.model @model streams ["x"] config {
    hidden_size = 6 : i64, intermediate_size = 6 : i64,
    num_attention_heads = 2 : i64, num_key_value_heads = 2 : i64,
    num_hidden_layers = 1 : i64, vocab_size = 5 : i64, batch_size = 1 : i64,
    seq_len = 4 : i64, rms_norm_eps = 1.0e-06 : f64, rope_theta = 1.0e+04 : f64,
    initializer_range = 2.0e-02 : f64, embedding_std = 5.0e-01 : f64} {
  mixln.block @layers.0 attention = #mixln.placement<>, mlp = #mixln.placement<>
}

// -----

// Sizes are positive.
// expected-error @below {{vocab_size is 0, expected a positive number}}
mixln.model @model streams ["x"] config {
    hidden_size = 8 : i64, intermediate_size = 6 : i64,
    num_attention_heads = 2 : i64, num_key_value_heads = 2 : i64,
    num_hidden_layers = 1 : i64, vocab_size = 0 : i64, batch_size = 1 : i64,
    seq_len = 4 : i64, rms_norm_eps = 1.0e-06 : f64, rope_theta = 1.0e+04 : f64,
    initializer_range = 2.0e-02 : f64, embedding_std = 5.0e-01 : f64} {
  mixln.block @layers.0 attention = #mixln.placement<>, mlp = #mixln.placement<>
}

// -----

// Sizes must be there.
// expected-error @below {{config lacks the integer vocab_size}}
mixln.model @model streams ["x"] config {
    hidden_size = 8 : i64, intermediate_size = 6 : i64,
    num_attention_heads = 2 : i64, num_key_value_heads = 2 : i64,
    num_hidden_layers = 1 : i64, batch_size = 1 : i64,
    seq_len = 4 : i64, rms_norm_eps = 1.0e-06 : f64, rope_theta = 1.0e+04 : f64,
    initializer_range = 2.0e-02 : f64, embedding_std = 5.0e-01 : f64} {
  mixln.block @layers.0 attention = #mixln.placement<>, mlp = #mixln.placement<>
}

// -----

// Numbers must be there.
// expected-error @below {{config lacks the number rms_norm_eps}}
mixln.model @model streams ["x"] config {
    hidden_size = 8 : i64, intermediate_size = 6 : i64,
    num_attention_heads = 2 : i64, num_key_value_heads = 2 : i64,
    num_hidden_layers = 1 : i64, vocab_size = 5 : i64, batch_size = 1 : i64,
    seq_len = 4 : i64, rope_theta = 1.0e+04 : f64,
    initializer_range = 2.0e-02 : f64, embedding_std = 5.0e-01 : f64} {
  mixln.block @layers.0 attention = #mixln.placement<>, mlp = #mixln.placement<>
}

// -----

// A scale that is given is a positive number.
// expected-error @below {{logit_scale is 0.000000e+00 : f64, expected a positive number}}
mixln.model @model streams ["x"] config {
    hidden_size = 8 : i64, intermediate_size = 6 : i64,
    num_attention_heads = 2 : i64, num_key_value_heads = 2 : i64,
    num_hidden_layers = 1 : i64, vocab_size = 5 : i64, batch_size = 1 : i64,
    seq_len = 4 : i64, rms_norm_eps = 1.0e-06 : f64, rope_theta = 1.0e+04 : f64,
    initializer_range = 2.0e-02 : f64, embedding_std = 5.0e-01 : f64,
    logit_scale = 0.0 : f64} {
  mixln.block @layers.0 attention = #mixln.placement<>, mlp = #mixln.placement<>
}

// -----

// There is a block for every layer.
// expected-error @below {{num_hidden_layers is 2 but the model has 1 blocks}}
mixln.model @model streams ["x"] config {
    hidden_size = 8 : i64, intermediate_size = 6 : i64,
    num_attention_heads = 2 : i64, num_key_value_heads = 2 : i64,
    num_hidden_layers = 2 : i64, vocab_size = 5 : i64, batch_size = 1 : i64,
    seq_len = 4 : i64, rms_norm_eps = 1.0e-06 : f64, rope_theta = 1.0e+04 : f64,
    initializer_range = 2.0e-02 : f64, embedding_std = 5.0e-01 : f64} {
  mixln.block @layers.0 attention = #mixln.placement<>, mlp = #mixln.placement<>
}

// -----

// A key of a placement has its type.
// expected-error @below {{unknown key 'inn' in a placement}}
module attributes {p = #mixln.placement<inn = #mixln.norm<rms>>} {}

// -----

// A key of a placement has its type.
// expected-error @below {{'in' of a placement is 3 : i64, expected #mixln.norm}}
module attributes {p = #mixln.placement<in = 3 : i64>} {}

// -----

// A key of a placement has its type.
// expected-error @below {{'gp' of a placement is "both", expected "sum" or "skip"}}
module attributes {p = #mixln.placement<gp = "both">} {}

// -----

// A key of a placement has its type.
// expected-error @below {{unknown inner site 'w', expected q, k, v, ctx or ffn_mid}}
module attributes {p = #mixln.placement<inner = {w = #mixln.norm<rms>}>} {}

// -----

// A key of a placement has its type.
// expected-error @below {{unknown weight class 'qkv' in init_factor}}
module attributes {p = #mixln.placement<init_factor = {qkv = 1.0 : f64}>} {}

// -----

// A key of a placement has its type.
// expected-error @below {{'a' stands twice in a placement}}
module attributes {p = #mixln.placement<a = 1.0 : f64, a = 2.0 : f64>} {}

// -----

// A coefficient is a number or a row.
// expected-error @below {{unknown shape 'matrix' of a coefficient, expected scalar or row}}
module attributes {p = #mixln.coefficient<matrix, "m", 1.0>} {}

// -----

// A norm kind has an argument for each parameter.
// expected-error @below {{region has 1 arguments, expected the row and 1 parameters}}
mixln.norm_kind @k.8 params ["weight"] inits [1.0] {
^bb0(%x: vector<8xf32>):
  mixln.yield rows(%x : vector<8xf32>)
}

// -----

// A norm kind has an initial value for each parameter.
// expected-error @below {{has 0 initial values for 1 parameters}}
mixln.norm_kind @k.8 params ["weight"] inits [] {
^bb0(%x: vector<8xf32>, %w: vector<8xf32>):
  mixln.yield rows(%x : vector<8xf32>)
}

// -----

// A norm kind yields a row like its argument.
// expected-error @below {{must yield one row of type 'vector<8xf32>'}}
mixln.norm_kind @k.8 params ["weight"] inits [1.0] {
^bb0(%x: vector<8xf32>, %w: f32):
  mixln.yield rows(%w : f32)
}

// -----

// Arguments of a wiring follow their names.
// expected-error @below {{argument 'model.g' is no stream, no source and not in params}}
mixln.placement @p params {} read ["x", "model.g"] {
^bb0(%x: vector<8xf32>, %g: f32):
  mixln.yield rows(%x : vector<8xf32>)
} combine [] {}

// -----

// A scalar is a number.
// expected-error @below {{argument 1 has type 'vector<8xf32>', expected 'f32'}}
mixln.placement @p params {model.g = {shape = "scalar", init = 1.0 : f64, class = "scale"}} read ["x", "model.g"] {
^bb0(%x: vector<8xf32>, %g: vector<8xf32>):
  mixln.yield rows(%x : vector<8xf32>)
} combine [] {}

// -----

// All names have arguments.
// expected-error @below {{region has 1 arguments, expected the 2 named ones and numbers}}
mixln.placement @p params {} read ["x", "d"] {
^bb0(%x: vector<8xf32>):
  mixln.yield rows(%x : vector<8xf32>)
} combine [] {}

// -----

// Parameters say what they are.
// expected-error @below {{parameter 'model.g' needs the shape}}
mixln.placement @p params {model.g = {init = 1.0 : f64}} read ["x"] {
^bb0(%x: vector<8xf32>):
  mixln.yield rows(%x : vector<8xf32>)
} combine [] {}

// -----

// A load names a variable.
mixln.entry @e {
  // expected-error @below {{unknown variable @nothing}}
  %0 = mixln.load @nothing : tensor<4xf32>
}

// -----

// A load has the variable's type.
// expected-note @below {{the variable}}
mixln.variable @a : tensor<4xf32> input
mixln.entry @e {
  // expected-error @below {{has type 'tensor<5xf32>' but variable @a has type 'tensor<4xf32>'}}
  %0 = mixln.load @a : tensor<5xf32>
}

// -----

// A scalar is one f32.
// expected-error @below {{is a scalar of type 'tensor<2xf32>', expected tensor<1xf32>}}
mixln.variable @a : tensor<2xf32> scalar

// -----

// A measurement of a layer does not see what a branch gives.
mixln.model @m streams ["x"] config {
    hidden_size = 8 : i64, intermediate_size = 8 : i64,
    num_attention_heads = 2 : i64, num_key_value_heads = 2 : i64,
    num_hidden_layers = 1 : i64, vocab_size = 8 : i64, batch_size = 1 : i64,
    seq_len = 4 : i64, rms_norm_eps = 1.0e-6 : f64, rope_theta = 1.0e4 : f64,
    initializer_range = 0.02 : f64, embedding_std = 0.02 : f64} {
  // expected-error @below {{input 'F' is not known per layer}}
  mixln.measure @a inputs ["F"] per "layer" reduce "max" {
  ^bb0(%f: vector<8xf32>):
    %0 = vector.reduction <add>, %f : vector<8xf32> into f32
    mixln.yield rows(%0 : f32)
  }
  mixln.block @layers.0 attention = #mixln.placement<in = #mixln.norm<rms>>, mlp = #mixln.placement<in = #mixln.norm<rms>>
}

// -----

// A measurement gives one number.
mixln.model @m streams ["x"] config {
    hidden_size = 8 : i64, intermediate_size = 8 : i64,
    num_attention_heads = 2 : i64, num_key_value_heads = 2 : i64,
    num_hidden_layers = 1 : i64, vocab_size = 8 : i64, batch_size = 1 : i64,
    seq_len = 4 : i64, rms_norm_eps = 1.0e-6 : f64, rope_theta = 1.0e4 : f64,
    initializer_range = 0.02 : f64, embedding_std = 0.02 : f64} {
  // expected-error @below {{must yield one f32, or two, and no sums}}
  mixln.measure @a inputs ["x"] per "layer" reduce "max" {
  ^bb0(%x: vector<8xf32>):
    mixln.yield rows(%x : vector<8xf32>)
  }
  mixln.block @layers.0 attention = #mixln.placement<in = #mixln.norm<rms>>, mlp = #mixln.placement<in = #mixln.norm<rms>>
}

// -----

// Lists of parameters are as long as the parameters.
// expected-error @below {{has 2 elements in classes for 1 parameters}}
mixln.norm_kind @k.8 params ["weight"] inits [1.0] classes ["gain", "gain"] {
^bb0(%x: vector<8xf32>, %w: vector<8xf32>):
  mixln.yield rows(%x : vector<8xf32>)
}

// -----

// The width of a row is a number.
// expected-error @below {{row has type 'vector<[8]xf32>', expected vector<Nxf32>}}
mixln.norm_kind @k.8 params [] inits [] {
^bb0(%x: vector<[8]xf32>):
  mixln.yield rows(%x : vector<[8]xf32>)
}

// -----

// What a region holds is checked before the operation looks into it.
mixln.norm_kind @k.8 params [] inits [] {
^bb0(%x: vector<8xf32>):
  // expected-error @below {{operand count (1) does not match with the total size (7) specified in attribute 'operandSegmentSizes'}}
  "mixln.yield"(%x) <{operandSegmentSizes = array<i32: 7, 0>}> : (vector<8xf32>) -> ()
}

// -----

// Sizes are i64.
// expected-error @below {{config lacks the integer vocab_size}}
mixln.model @model streams ["x"] config {
    hidden_size = 8 : i64, intermediate_size = 6 : i64,
    num_attention_heads = 2 : i64, num_key_value_heads = 2 : i64,
    num_hidden_layers = 1 : i64, vocab_size = 5 : i1024, batch_size = 1 : i64,
    seq_len = 4 : i64, rms_norm_eps = 1.0e-06 : f64, rope_theta = 1.0e+04 : f64,
    initializer_range = 2.0e-02 : f64, embedding_std = 5.0e-01 : f64} {
  mixln.block @layers.0 attention = #mixln.placement<>, mlp = #mixln.placement<>
}

// -----

// Sizes are bounded, so that no product of them overflows.
// expected-error @below {{hidden_size is 9223372036854775806, expected at most 1048576}}
mixln.model @model streams ["x"] config {
    hidden_size = 9223372036854775806 : i64, intermediate_size = 6 : i64,
    num_attention_heads = 2 : i64, num_key_value_heads = 2 : i64,
    num_hidden_layers = 1 : i64, vocab_size = 5 : i64, batch_size = 1 : i64,
    seq_len = 4 : i64, rms_norm_eps = 1.0e-06 : f64, rope_theta = 1.0e+04 : f64,
    initializer_range = 2.0e-02 : f64, embedding_std = 5.0e-01 : f64} {
  mixln.block @layers.0 attention = #mixln.placement<>, mlp = #mixln.placement<>
}

// -----

// A key has a name.
// expected-error @below {{expected a key of a placement}}
module attributes {p = #mixln.placement<"" = 1.0 : f64>} {}

// -----

// A variable's size in bytes fits.
// expected-error @below {{expected at most 72057594037927936 elements}}
mixln.variable @w : tensor<4294967296x4294967296xf32> parameter

// -----

// Sizes are divided by its extents, so it has some.
// expected-error @below {{has type 'tensor<f32>', expected one dimension or more}}
mixln.variable @w : tensor<f32> parameter

// -----

// None of them is zero.
// expected-error @below {{has type 'tensor<4x0xf32>', expected extents of 1 to 1099511627776}}
mixln.variable @w : tensor<4x0xf32> parameter

// -----

// The runtime knows three types.
// expected-error @below {{has type 'tensor<4xi64>', expected elements of type f32, bf16 or i32}}
mixln.variable @w : tensor<4xi64> input

// -----

// Numbers of a config are finite.
// expected-error @below {{rms_norm_eps is 0x7FF0000000000000 : f64, expected a finite number}}
mixln.model @model streams ["x"] config {
    hidden_size = 8 : i64, intermediate_size = 6 : i64,
    num_attention_heads = 2 : i64, num_key_value_heads = 2 : i64,
    num_hidden_layers = 1 : i64, vocab_size = 5 : i64, batch_size = 1 : i64,
    seq_len = 4 : i64, rms_norm_eps = 0x7FF0000000000000 : f64, rope_theta = 1.0e+04 : f64,
    initializer_range = 2.0e-02 : f64, embedding_std = 5.0e-01 : f64} {
  mixln.block @layers.0 attention = #mixln.placement<>, mlp = #mixln.placement<>
}
