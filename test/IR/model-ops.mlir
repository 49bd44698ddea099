// RUN: mixln-opt %s | mixln-opt | FileCheck %s
// RUN: mixln-opt %s --mlir-print-op-generic | mixln-opt | FileCheck %s

// A model with a norm kind, a wiring, the model's ends and blocks whose
// placements use every key round-trips.

// CHECK: mixln.model @model streams ["x", "d"] config {
// CHECK: mixln.norm_kind @l2.8 params [] inits [] {
// CHECK: mixln.norm_kind @gain.8 params ["weight"] inits [1.000000e+00] classes ["gain"] decay [false] lr_mult [5.000000e-01] {
// CHECK: mixln.placement @gated params {"model.layers.{i}.mlp_gain" = {class = "scale", init = 5.000000e-01 : f64, shape = "scalar"}} read [] {
// CHECK: } combine ["x", "d", "F", "model.layers.{i}.mlp_gain"] {
// CHECK: mixln.block @layers.0 attention = <a = "1-b", b = #mixln.coefficient<row, "v", 5.000000e-02, abs>, br = #mixln.norm<l2>, c = 5.000000e-01 : f64, gp = "skip", head_scale, in = #mixln.norm<gain, "shared", {weight = 5.000000e-01 : f64}>, init_factor = {o = 5.000000e-01 : f64}, init_xavier = {qk = 1.000000e+00 : f64}, inner = {q = #mixln.norm<gain>}, inner_per_head, post = #mixln.norm<l2>, read = "block", skip = "x+block", x_norm = #mixln.norm<l2>>
// CHECK-SAME: mlp = <combine_values = array<f64: 0.12345678901234566>, formulas = @gated>
mixln.model @model streams ["x", "d"] config {
    hidden_size = 8 : i64, intermediate_size = 6 : i64,
    num_attention_heads = 2 : i64, num_key_value_heads = 2 : i64,
    num_hidden_layers = 1 : i64, vocab_size = 5 : i64, batch_size = 1 : i64,
    seq_len = 4 : i64, rms_norm_eps = 1.0e-06 : f64, rope_theta = 1.0e+04 : f64,
    initializer_range = 2.0e-02 : f64, embedding_std = 5.0e-01 : f64} {
  mixln.norm_kind @l2.8 params [] inits [] {
  ^bb0(%x: vector<8xf32>):
    %0 = arith.mulf %x, %x : vector<8xf32>
    %1 = vector.reduction <add>, %0 : vector<8xf32> into f32
    %2 = math.sqrt %1 : f32
    %3 = vector.broadcast %2 : f32 to vector<8xf32>
    %4 = arith.divf %x, %3 : vector<8xf32>
    mixln.yield rows(%4 : vector<8xf32>)
  }
  mixln.norm_kind @gain.8 params ["weight"] inits [1.0] classes ["gain"] decay [false] lr_mult [0.5] {
  ^bb0(%x: vector<8xf32>, %w: vector<8xf32>):
    %y = arith.mulf %x, %w : vector<8xf32>
    mixln.yield rows(%y : vector<8xf32>)
  }
  mixln.placement @gated
    params {"model.layers.{i}.mlp_gain" = {shape = "scalar", init = 0.5 : f64, class = "scale"}}
    read [] {} combine ["x", "d", "F", "model.layers.{i}.mlp_gain"] {
  ^bb0(%x: vector<8xf32>, %d: vector<8xf32>, %f: vector<8xf32>, %g: f32, %n: f32):
    %0 = vector.broadcast %g : f32 to vector<8xf32>
    %1 = arith.mulf %0, %f : vector<8xf32>
    %2 = arith.addf %x, %1 : vector<8xf32>
    mixln.yield rows(%2, %d : vector<8xf32>, vector<8xf32>)
  }
  mixln.block @layers.0
    attention = #mixln.placement<
      in = #mixln.norm<gain, "shared", {weight = 5.0e-01 : f64}>, br = #mixln.norm<l2>,
      post = #mixln.norm<l2>, x_norm = #mixln.norm<l2>, a = "1-b",
      b = #mixln.coefficient<row, "v", 5.0e-02, abs>, c = 5.0e-01 : f64, gp = "skip",
      read = "block", skip = "x+block", inner = {q = #mixln.norm<gain>}, inner_per_head,
      head_scale, init_factor = {o = 5.0e-01 : f64}, init_xavier = {qk = 1.0 : f64}>,
    mlp = #mixln.placement<formulas = @gated, combine_values = array<f64: 0.12345678901234566>>
}
