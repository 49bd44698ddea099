// RUN: mixln-opt %s --mixln-expand --split-input-file --verify-diagnostics

// A norm of a kind that the model does not hold at this width is refused.
mixln.model @model streams ["x"] config {
    hidden_size = 8 : i64, intermediate_size = 6 : i64,
    num_attention_heads = 2 : i64, num_key_value_heads = 2 : i64,
    num_hidden_layers = 1 : i64, vocab_size = 5 : i64, batch_size = 1 : i64,
    seq_len = 4 : i64, rms_norm_eps = 1.0e-06 : f64, rope_theta = 1.0e+04 : f64,
    initializer_range = 2.0e-02 : f64, embedding_std = 5.0e-01 : f64} {
  // expected-error @below {{norm kind 'rms' is not given for rows of 8 columns, expected mixln.norm_kind @rms.8}}
  mixln.block @layers.0 attention = #mixln.placement<in = #mixln.norm<rms>>,
    mlp = #mixln.placement<>
}

// -----

// A source must be a stream, the block's input or the embedding.
mixln.model @model streams ["x"] config {
    hidden_size = 8 : i64, intermediate_size = 6 : i64,
    num_attention_heads = 2 : i64, num_key_value_heads = 2 : i64,
    num_hidden_layers = 1 : i64, vocab_size = 5 : i64, batch_size = 1 : i64,
    seq_len = 4 : i64, rms_norm_eps = 1.0e-06 : f64, rope_theta = 1.0e+04 : f64,
    initializer_range = 2.0e-02 : f64, embedding_std = 5.0e-01 : f64} {
  // expected-error @below {{'y' in read is no stream, expected streams, block or e}}
  mixln.block @layers.0 attention = #mixln.placement<read = "x+y">,
    mlp = #mixln.placement<>
}

// -----

// Formulas must exist.
mixln.model @model streams ["x"] config {
    hidden_size = 8 : i64, intermediate_size = 6 : i64,
    num_attention_heads = 2 : i64, num_key_value_heads = 2 : i64,
    num_hidden_layers = 1 : i64, vocab_size = 5 : i64, batch_size = 1 : i64,
    seq_len = 4 : i64, rms_norm_eps = 1.0e-06 : f64, rope_theta = 1.0e+04 : f64,
    initializer_range = 2.0e-02 : f64, embedding_std = 5.0e-01 : f64} {
  // expected-error @below {{unknown mixln.placement @nowhere in formulas}}
  mixln.block @layers.0 attention = #mixln.placement<formulas = @nowhere>,
    mlp = #mixln.placement<>
}

// -----

// A region's numbers must be given.
mixln.model @model streams ["x"] config {
    hidden_size = 8 : i64, intermediate_size = 6 : i64,
    num_attention_heads = 2 : i64, num_key_value_heads = 2 : i64,
    num_hidden_layers = 1 : i64, vocab_size = 5 : i64, batch_size = 1 : i64,
    seq_len = 4 : i64, rms_norm_eps = 1.0e-06 : f64, rope_theta = 1.0e+04 : f64,
    initializer_range = 2.0e-02 : f64, embedding_std = 5.0e-01 : f64} {
  mixln.placement @scaled params {} read ["x"] {
  ^bb0(%x: vector<8xf32>, %c: f32):
    %0 = vector.broadcast %c : f32 to vector<8xf32>
    %1 = arith.mulf %x, %0 : vector<8xf32>
    mixln.yield rows(%1 : vector<8xf32>)
  } combine [] {}
  // expected-error @below {{read_values has 0 numbers, expected 1}}
  mixln.block @layers.0 attention = #mixln.placement<formulas = @scaled>,
    mlp = #mixln.placement<>
}

// -----

// Two sites that share a parameter must agree on how it starts.
mixln.model @model streams ["x"] config {
    hidden_size = 8 : i64, intermediate_size = 6 : i64,
    num_attention_heads = 2 : i64, num_key_value_heads = 2 : i64,
    num_hidden_layers = 1 : i64, vocab_size = 5 : i64, batch_size = 1 : i64,
    seq_len = 4 : i64, rms_norm_eps = 1.0e-06 : f64, rope_theta = 1.0e+04 : f64,
    initializer_range = 2.0e-02 : f64, embedding_std = 5.0e-01 : f64} {
  mixln.norm_kind @gain.8 params ["weight"] inits [1.0] {
  ^bb0(%x: vector<8xf32>, %w: vector<8xf32>):
    %y = arith.mulf %x, %w : vector<8xf32>
    mixln.yield rows(%y : vector<8xf32>)
  }
  // expected-error @below {{parameter 'model.layers.0.shared.weight' of type 'tensor<8xf32>' starting as #mixln.init<constant 5.000000e-01> is shared with one of type 'tensor<8xf32>' starting as #mixln.init<constant 1.000000e+00>}}
  // expected-note @below {{the other one}}
  mixln.block @layers.0
    attention = #mixln.placement<in = #mixln.norm<gain, "shared">>,
    mlp = #mixln.placement<in = #mixln.norm<gain, "shared", {weight = 5.0e-01 : f64}>>
}

// -----

// The readout yields one row.
mixln.model @model streams ["x"] config {
    hidden_size = 8 : i64, intermediate_size = 6 : i64,
    num_attention_heads = 2 : i64, num_key_value_heads = 2 : i64,
    num_hidden_layers = 1 : i64, vocab_size = 5 : i64, batch_size = 1 : i64,
    seq_len = 4 : i64, rms_norm_eps = 1.0e-06 : f64, rope_theta = 1.0e+04 : f64,
    initializer_range = 2.0e-02 : f64, embedding_std = 5.0e-01 : f64} {
  // expected-error @below {{yields 2 rows, expected 1}}
  mixln.placement @readout params {} read ["x"] {
  ^bb0(%x: vector<8xf32>):
    mixln.yield rows(%x, %x : vector<8xf32>, vector<8xf32>)
  } combine [] {}
  mixln.block @layers.0 attention = #mixln.placement<>,
    mlp = #mixln.placement<>
}

// -----

// A wiring yields every stream of the model.
mixln.model @model streams ["x", "d"] config {
    hidden_size = 8 : i64, intermediate_size = 6 : i64,
    num_attention_heads = 2 : i64, num_key_value_heads = 2 : i64,
    num_hidden_layers = 1 : i64, vocab_size = 5 : i64, batch_size = 1 : i64,
    seq_len = 4 : i64, rms_norm_eps = 1.0e-06 : f64, rope_theta = 1.0e+04 : f64,
    initializer_range = 2.0e-02 : f64, embedding_std = 5.0e-01 : f64} {
  // expected-error @below {{yields 1 rows in combine, expected 2}}
  mixln.placement @wiring params {} read [] {} combine ["x", "F"] {
  ^bb0(%x: vector<8xf32>, %f: vector<8xf32>):
    %0 = arith.addf %x, %f : vector<8xf32>
    mixln.yield rows(%0 : vector<8xf32>)
  }
  mixln.block @layers.0 attention = #mixln.placement<formulas = @wiring>,
    mlp = #mixln.placement<>
}

// -----

// A wiring is made for the model's width.
mixln.model @model streams ["x"] config {
    hidden_size = 8 : i64, intermediate_size = 6 : i64,
    num_attention_heads = 2 : i64, num_key_value_heads = 2 : i64,
    num_hidden_layers = 1 : i64, vocab_size = 5 : i64, batch_size = 1 : i64,
    seq_len = 4 : i64, rms_norm_eps = 1.0e-06 : f64, rope_theta = 1.0e+04 : f64,
    initializer_range = 2.0e-02 : f64, embedding_std = 5.0e-01 : f64} {
  // expected-error @below {{yields rows of type 'vector<4xf32>', expected hidden_size 8 columns}}
  mixln.placement @wiring params {} read ["x"] {
  ^bb0(%x: vector<4xf32>):
    mixln.yield rows(%x : vector<4xf32>)
  } combine [] {}
  mixln.block @layers.0 attention = #mixln.placement<formulas = @wiring>,
    mlp = #mixln.placement<>
}
