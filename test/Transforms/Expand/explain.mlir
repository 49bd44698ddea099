// A formula that is read back has the reduction that stands in the program.
// RUN: mixlnc %s --explain | FileCheck %s
// CHECK: attention read = x + min(x) + product(x) + max(x)
mixln.model @m streams ["x"] config {
    hidden_size = 8 : i64, intermediate_size = 8 : i64,
    num_attention_heads = 2 : i64, num_key_value_heads = 2 : i64,
    num_hidden_layers = 1 : i64, vocab_size = 8 : i64, batch_size = 1 : i64,
    seq_len = 4 : i64, rms_norm_eps = 1.0e-6 : f64, rope_theta = 1.0e4 : f64,
    initializer_range = 0.02 : f64, embedding_std = 0.02 : f64} {
  mixln.placement @shifted params {} read ["x"] {
  ^bb0(%x: vector<8xf32>):
    %0 = vector.reduction <minimumf>, %x : vector<8xf32> into f32
    %1 = vector.broadcast %0 : f32 to vector<8xf32>
    %2 = arith.addf %x, %1 : vector<8xf32>
    %3 = vector.reduction <mul>, %x : vector<8xf32> into f32
    %4 = vector.broadcast %3 : f32 to vector<8xf32>
    %5 = arith.addf %2, %4 : vector<8xf32>
    %6 = vector.reduction <maximumf>, %x : vector<8xf32> into f32
    %7 = vector.broadcast %6 : f32 to vector<8xf32>
    %8 = arith.addf %5, %7 : vector<8xf32>
    mixln.yield rows(%8 : vector<8xf32>)
  } combine [] {}
  mixln.placement @readout params {} read ["x"] {
  ^bb0(%x: vector<8xf32>):
    mixln.yield rows(%x : vector<8xf32>)
  } combine [] {}
  mixln.block @layers.0 attention = #mixln.placement<formulas = @shifted>, mlp = #mixln.placement<>
}
