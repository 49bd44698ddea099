// RUN: mixln-opt %s --mixln-expand --split-input-file | FileCheck %s

// One block becomes variables under Hugging Face names, and entries of tensor
// operations whose row programs carry their sites: layer 0 is Post-LN, so the
// stream itself is read and there is no `read` program.

// CHECK: module attributes {mixln.config = {batch_size = 2 : i64
// CHECK-DAG: mixln.variable @input_ids : tensor<8xi32> input
// CHECK-DAG: mixln.variable @targets : tensor<8xi32> input
// CHECK-DAG: mixln.variable @token_order : tensor<8xi32> input
// CHECK-DAG: mixln.variable @segment_starts : tensor<9xi32> input
// CHECK-DAG: mixln.variable @loss_scale : tensor<1xf32> scalar
// CHECK-DAG: mixln.variable @z_loss_scale : tensor<1xf32> scalar
// CHECK-DAG: mixln.variable @rope_cos : tensor<4x2xf32> constant init = <rope_cos 1.000000e+04>
// CHECK-DAG: mixln.variable @loss_sum : tensor<1xf32> output
// CHECK-DAG: mixln.variable @output_logits : tensor<8x5xf32> output
// CHECK-DAG: mixln.variable @stream_rms : tensor<2xf32> output
// CHECK-DAG: mixln.variable @model.embed_tokens.weight : tensor<5x8xf32> parameter init = <normal 5.000000e-01> {parameter_class = "embed"}
// CHECK-DAG: mixln.variable @model.layers.0.self_attn.q_proj.weight : tensor<8x8xf32> parameter init = <normal 2.000000e-02> {parameter_class = "qk"}
// CHECK-DAG: mixln.variable @model.layers.0.self_attn.k_proj.weight : tensor<4x8xf32> parameter init = <normal 2.000000e-02> {parameter_class = "qk"}
// CHECK-DAG: mixln.variable @model.layers.0.mlp.down_proj.weight : tensor<8x6xf32> parameter init = <normal 1.000000e-02> {parameter_class = "ffn"}
// CHECK-DAG: mixln.variable @model.layers.0.post_attention_layernorm.weight : tensor<8xf32> parameter init = <constant 1.000000e+00> {parameter_class = "gain"}
// CHECK-DAG: mixln.variable @model.layers.0.pre_feedforward_layernorm.weight : tensor<8xf32> parameter init = <constant 5.000000e-01> {parameter_class = "gain"}

// CHECK: mixln.entry @loss {
// CHECK: %[[E:.*]] = mixln.embedding
// CHECK-SAME: mixln.site = "embedding"
// CHECK: mixln.matmul lhs(%[[E]] : tensor<8x8xf32>)
// CHECK-SAME: transpose_rhs
// CHECK-SAME: mixln.site = "layers.0.attention.q_proj"
// CHECK: mixln.attention
// CHECK-SAME: heads = 2 : i64
// CHECK: %[[OUT:.*]] = mixln.matmul
// CHECK-SAME: mixln.names = ["layers.0.attention.out"]
// CHECK: %[[X:.*]] = mixln.rowwise [8] rows(%[[E]], %[[OUT]] : tensor<8x8xf32>, tensor<8x8xf32>) shared(%{{.*}} : tensor<8xf32>) -> rows(tensor<8x8xf32>)
// CHECK-SAME: mixln.site = "layers.0.attention.combine"
// CHECK: mixln.rowwise [8] rows(%[[X]] : tensor<8x8xf32>) shared(%{{.*}} : tensor<8xf32>) values(7.500000e-01)
// CHECK-SAME: mixln.names = ["layers.0.mlp.in"], mixln.site = "layers.0.mlp.read"
// CHECK: mixln.site = "layers.0.mlp.swiglu"
// CHECK: mixln.names = ["layers.0.stream"], mixln.site = "layers.0.mlp.combine"
// CHECK: mixln.names = ["logits"], mixln.site = "head"
// CHECK: mixln.rowwise [8] rows(%{{.*}}, %{{.*}} : tensor<8x5xf32>, tensor<8xi32>) -> sums(tensor<1xf32>, tensor<1xf32>)
// CHECK-SAME: mixln.site = "loss"
// CHECK: mixln.store %{{.*}}, @loss_sum : tensor<1xf32>
// CHECK: mixln.store %{{.*}}, @z_loss_sum : tensor<1xf32>

// CHECK: mixln.entry @logits {
// CHECK-NOT: @loss_sum
// CHECK: mixln.store %{{.*}}, @output_logits : tensor<8x5xf32>

// CHECK: mixln.entry @loss.measured {
// CHECK: mixln.store %{{.*}}, @loss_sum
// CHECK: %[[ALL:.*]] = tensor.concat dim(0) {{.*}} : (tensor<1xf32>, tensor<1xf32>) -> tensor<2xf32>
// CHECK: mixln.rowwise [2] rows(%[[ALL]] : tensor<2xf32>) values(1.562500e-02) -> rows(tensor<2xf32>)
// CHECK: mixln.store %{{.*}}, @stream_rms : tensor<2xf32>
mixln.model @model streams ["x"] config {
    hidden_size = 8 : i64, intermediate_size = 6 : i64,
    num_attention_heads = 2 : i64, num_key_value_heads = 1 : i64,
    num_hidden_layers = 1 : i64, vocab_size = 5 : i64, batch_size = 2 : i64,
    seq_len = 4 : i64, rms_norm_eps = 1.0e-06 : f64, rope_theta = 1.0e+04 : f64,
    initializer_range = 2.0e-02 : f64, embedding_std = 5.0e-01 : f64} {
  mixln.norm_kind @gain.8 params ["weight"] inits [1.0] classes ["gain"] {
  ^bb0(%x: vector<8xf32>, %w: vector<8xf32>):
    %y = arith.mulf %x, %w : vector<8xf32>
    mixln.yield rows(%y : vector<8xf32>)
  }
  mixln.block @layers.0
    attention = #mixln.placement<post = #mixln.norm<gain>>,
    mlp = #mixln.placement<in = #mixln.norm<gain, {weight = 5.0e-01 : f64}>,
                           c = 7.5e-01 : f64,
                           init_factor = {ffn_out = 5.0e-01 : f64}>
}

// -----

// Regions made from formulas: two streams, a scalar of each layer, a number
// that is an immediate. A stream that is handed through is no operand.

// CHECK-DAG: mixln.variable @model.layers.0.self_attn_gain : tensor<1xf32> parameter init = <constant 5.000000e-01> {lr_mult = 1.000000e-01 : f64, parameter_class = "scale"}
// CHECK: mixln.entry @loss {
// CHECK: %[[E:.*]] = mixln.embedding
// CHECK: %[[F:.*]] = mixln.matmul {{.*}}mixln.names = ["layers.0.attention.out"]
// CHECK: %[[D:.*]] = mixln.rowwise [4] rows(%[[E]], %[[F]] : tensor<4x8xf32>, tensor<4x8xf32>) shared(%{{.*}} : tensor<1xf32>) values(2.500000e-01)
// CHECK-SAME: mixln.names = ["layers.0.attention.stream.d"]
// CHECK: arith.mulf
// CHECK: mixln.rowwise [4] rows(%[[E]], %[[D]] : tensor<4x8xf32>, tensor<4x8xf32>)
// CHECK-SAME: mixln.site = "layers.0.mlp.read"
// CHECK: mixln.site = "readout"
mixln.model @model streams ["x", "d"] config {
    hidden_size = 8 : i64, intermediate_size = 6 : i64,
    num_attention_heads = 2 : i64, num_key_value_heads = 2 : i64,
    num_hidden_layers = 1 : i64, vocab_size = 5 : i64, batch_size = 1 : i64,
    seq_len = 4 : i64, rms_norm_eps = 1.0e-06 : f64, rope_theta = 1.0e+04 : f64,
    initializer_range = 2.0e-02 : f64, embedding_std = 5.0e-01 : f64} {
  mixln.placement @wiring
    params {"model.layers.{i}.self_attn_gain" =
      {shape = "scalar", init = 5.0e-01 : f64, class = "scale", lr_mult = 1.0e-01 : f64}}
    read [] {} combine ["x", "d", "F", "model.layers.{i}.self_attn_gain"] {
  ^bb0(%x: vector<8xf32>, %d: vector<8xf32>, %f: vector<8xf32>, %g: f32, %n: f32):
    %0 = arith.mulf %g, %n : f32
    %1 = vector.broadcast %0 : f32 to vector<8xf32>
    %2 = arith.mulf %1, %f : vector<8xf32>
    %3 = arith.addf %d, %2 : vector<8xf32>
    mixln.yield rows(%x, %3 : vector<8xf32>, vector<8xf32>)
  }
  mixln.placement @readout params {} read ["x", "d"] {
  ^bb0(%x: vector<8xf32>, %d: vector<8xf32>):
    %0 = arith.addf %x, %d : vector<8xf32>
    mixln.yield rows(%0 : vector<8xf32>)
  } combine [] {}
  mixln.block @layers.0
    attention = #mixln.placement<formulas = @wiring, combine_values = array<f64: 0.25>>,
    mlp = #mixln.placement<read = "x+d">
}

// -----

// Norms of q and k per head run over rows and heads; a gain per head is a
// number of each head.

// CHECK: mixln.entry @loss {
// CHECK: %[[Q:.*]] = mixln.matmul {{.*}}mixln.site = "layers.0.attention.q_proj"
// CHECK: %[[S:.*]] = tensor.expand_shape %[[Q]] {{\[}}[0], [1, 2]] output_shape [4, 2, 4] : tensor<4x8xf32> into tensor<4x2x4xf32>
// CHECK: %[[N:.*]] = mixln.rowwise [4, 2] rows(%[[S]] : tensor<4x2x4xf32>) shared(%{{.*}} : tensor<4xf32>) -> rows(tensor<4x2x4xf32>)
// CHECK-SAME: mixln.site = "layers.0.attention.q_norm"
// CHECK: tensor.collapse_shape %[[N]] {{\[}}[0], [1, 2]] : tensor<4x2x4xf32> into tensor<4x8xf32>
// CHECK: mixln.rowwise [4, 2] rows(%{{.*}}, %{{.*}} : tensor<4x2x4xf32>, tensor<2xf32> by (d0, d1) -> (d1))
// CHECK-SAME: mixln.site = "layers.0.attention.head_scale"
mixln.model @model streams ["x"] config {
    hidden_size = 8 : i64, intermediate_size = 6 : i64,
    num_attention_heads = 2 : i64, num_key_value_heads = 2 : i64,
    num_hidden_layers = 1 : i64, vocab_size = 5 : i64, batch_size = 1 : i64,
    seq_len = 4 : i64, rms_norm_eps = 1.0e-06 : f64, rope_theta = 1.0e+04 : f64,
    initializer_range = 2.0e-02 : f64, embedding_std = 5.0e-01 : f64} {
  mixln.norm_kind @gain.4 params ["weight"] inits [1.0] classes ["gain"] {
  ^bb0(%x: vector<4xf32>, %w: vector<4xf32>):
    %y = arith.mulf %x, %w : vector<4xf32>
    mixln.yield rows(%y : vector<4xf32>)
  }
  mixln.block @layers.0
    attention = #mixln.placement<inner = {q = #mixln.norm<gain>}, inner_per_head, head_scale>,
    mlp = #mixln.placement<>
}

// -----

// Scales that are not the usual ones: an attribute of attention, a row program
// behind the head.

// CHECK: mixln.entry @loss {
// CHECK: mixln.attention
// CHECK-SAME: scale = 2.500000e-01
// CHECK: %[[RAW:.*]] = mixln.matmul {{.*}} {mixln.names = ["unscaled_logits"], mixln.site = "head"}
// CHECK: mixln.rowwise [4] rows(%[[RAW]] : tensor<4x5xf32>) values(5.000000e-01)
// CHECK-SAME: mixln.names = ["logits"], mixln.site = "head.scale"
// CHECK: mixln.site = "loss"
mixln.model @model streams ["x"] config {
    hidden_size = 8 : i64, intermediate_size = 6 : i64,
    num_attention_heads = 2 : i64, num_key_value_heads = 1 : i64,
    num_hidden_layers = 1 : i64, vocab_size = 5 : i64, batch_size = 1 : i64,
    seq_len = 4 : i64, rms_norm_eps = 1.0e-06 : f64, rope_theta = 1.0e+04 : f64,
    initializer_range = 2.0e-02 : f64, embedding_std = 5.0e-01 : f64,
    attention_scale = 2.5e-01 : f64, logit_scale = 5.0e-01 : f64} {
  mixln.block @layers.0 attention = #mixln.placement<>, mlp = #mixln.placement<>
}
