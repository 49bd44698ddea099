// Equal layers share their kernels: twelve layers need the kernels that four
// need, and both stay under eighty.
// RUN: grep -v "@layers.[4-9]\|@layers.1[01]" %s | sed "s/num_hidden_layers = 12/num_hidden_layers = 4/" > %t.4.mlir
// RUN: mixln-opt %s --mixln-expand --mixln-merge --mixln-differentiate --mixln-fuse=verify-paths=true --mixln-chunk="rows=4 threshold=2500" --mixln-pack --mixln-plan-memory --mixln-form-dispatches -o %t.12.planned
// RUN: mixln-opt %t.4.mlir --mixln-expand --mixln-merge --mixln-differentiate --mixln-fuse=verify-paths=true --mixln-chunk="rows=4 threshold=2500" --mixln-pack --mixln-plan-memory --mixln-form-dispatches -o %t.4.planned
// RUN: grep -c "mixln.kernel @" %t.12.planned > %t.12.count
// RUN: grep -c "mixln.kernel @" %t.4.planned > %t.4.count
// RUN: diff %t.12.count %t.4.count
// RUN: FileCheck %s < %t.12.count

// CHECK: {{^[1-7]?[0-9]$}}

module attributes {mixln.norm = "pre"} {
  mixln.model @model streams ["x"] config {batch_size = 2 : i64, embedding_std = 6.000000e-01 : f64, hidden_size = 32 : i64, initializer_range = 2.000000e-02 : f64, intermediate_size = 48 : i64, num_attention_heads = 4 : i64, num_hidden_layers = 12 : i64, num_key_value_heads = 2 : i64, rms_norm_eps = 9.9999999999999995E-7 : f64, rope_theta = 1.000000e+04 : f64, seq_len = 4 : i64, vocab_size = 96 : i64} {
    mixln.norm_kind @rms.32 params ["weight"] inits [1.000000e+00] classes ["gain"] {
    ^bb0(%arg0: vector<32xf32>, %arg1: vector<32xf32>):
      %0 = arith.mulf %arg0, %arg0 : vector<32xf32>
      %1 = vector.reduction <add>, %0 : vector<32xf32> into f32
      %cst = arith.constant 3.125000e-02 : f32
      %2 = arith.mulf %1, %cst : f32
      %cst_0 = arith.constant 9.99999997E-7 : f32
      %3 = arith.addf %2, %cst_0 : f32
      %4 = math.sqrt %3 : f32
      %cst_1 = arith.constant 1.000000e+00 : f32
      %5 = arith.divf %cst_1, %4 : f32
      %6 = vector.broadcast %5 : f32 to vector<32xf32>
      %7 = arith.mulf %arg0, %6 : vector<32xf32>
      %8 = arith.mulf %7, %arg1 : vector<32xf32>
      mixln.yield rows(%8 : vector<32xf32>)
    }
    mixln.placement @readout params {model.norm.weight = {class = "gain", init = 1.000000e+00 : f64, shape = "row"}} read ["x", "model.norm.weight"] {
    ^bb0(%arg0: vector<32xf32>, %arg1: vector<32xf32>):
      %0 = arith.mulf %arg0, %arg0 : vector<32xf32>
      %1 = vector.reduction <add>, %0 : vector<32xf32> into f32
      %cst = arith.constant 3.125000e-02 : f32
      %2 = arith.mulf %1, %cst : f32
      %cst_0 = arith.constant 9.99999997E-7 : f32
      %3 = arith.addf %2, %cst_0 : f32
      %4 = math.sqrt %3 : f32
      %cst_1 = arith.constant 1.000000e+00 : f32
      %5 = arith.divf %cst_1, %4 : f32
      %6 = vector.broadcast %5 : f32 to vector<32xf32>
      %7 = arith.mulf %arg0, %6 : vector<32xf32>
      %8 = arith.mulf %7, %arg1 : vector<32xf32>
      mixln.yield rows(%8 : vector<32xf32>)
    } combine [] {
    }
    mixln.block @layers.0 attention = <in = #mixln.norm<rms>>, mlp = <in = #mixln.norm<rms>>
    mixln.block @layers.1 attention = <in = #mixln.norm<rms>>, mlp = <in = #mixln.norm<rms>>
    mixln.block @layers.2 attention = <in = #mixln.norm<rms>>, mlp = <in = #mixln.norm<rms>>
    mixln.block @layers.3 attention = <in = #mixln.norm<rms>>, mlp = <in = #mixln.norm<rms>>
    mixln.block @layers.4 attention = <in = #mixln.norm<rms>>, mlp = <in = #mixln.norm<rms>>
    mixln.block @layers.5 attention = <in = #mixln.norm<rms>>, mlp = <in = #mixln.norm<rms>>
    mixln.block @layers.6 attention = <in = #mixln.norm<rms>>, mlp = <in = #mixln.norm<rms>>
    mixln.block @layers.7 attention = <in = #mixln.norm<rms>>, mlp = <in = #mixln.norm<rms>>
    mixln.block @layers.8 attention = <in = #mixln.norm<rms>>, mlp = <in = #mixln.norm<rms>>
    mixln.block @layers.9 attention = <in = #mixln.norm<rms>>, mlp = <in = #mixln.norm<rms>>
    mixln.block @layers.10 attention = <in = #mixln.norm<rms>>, mlp = <in = #mixln.norm<rms>>
    mixln.block @layers.11 attention = <in = #mixln.norm<rms>>, mlp = <in = #mixln.norm<rms>>
  }
}
