// A measurement stands at every sub-layer, or at every layer with the stream before its attention and after its MLP.
// RUN: mixln-opt %s --mixln-expand | FileCheck %s
// CHECK-DAG: mixln.variable @measure.mean.ratio.0 : tensor<4xf32> output
// CHECK-DAG: mixln.variable @measure.mean.ratio.1 : tensor<4xf32> output
// CHECK-DAG: mixln.variable @measure.max.change.0 : tensor<4xf32> output
// CHECK-LABEL: mixln.entry @loss.measured
// CHECK: %[[E:.*]] = mixln.embedding
// CHECK: %[[OUT:.*]] = mixln.matmul {{.*}}mixln.names = ["layers.0.attention.out"]
// CHECK: mixln.names = ["layers.0.stream"]
// CHECK: %[[R:.*]] = mixln.rowwise [4] rows(%[[OUT]], %[[E]] : {{.*}}mixln.site = "layers.0.attention.ratio"
// CHECK: mixln.store %[[R]], @measure.mean.ratio.0
// CHECK: mixln.rowwise [4] rows({{.*}}, %[[E]] : {{.*}}mixln.site = "layers.0.change"
// CHECK: mixln.entry @layers.begin
mixln.model @m streams ["x"] config {
    hidden_size = 8 : i64, intermediate_size = 8 : i64,
    num_attention_heads = 2 : i64, num_key_value_heads = 2 : i64,
    num_hidden_layers = 1 : i64, vocab_size = 8 : i64, batch_size = 1 : i64,
    seq_len = 4 : i64, rms_norm_eps = 1.0e-6 : f64, rope_theta = 1.0e4 : f64,
    initializer_range = 0.02 : f64, embedding_std = 0.02 : f64} {
  mixln.measure @ratio inputs ["F", "x"] per "sub_layer" reduce "mean" {
  ^bb0(%f: vector<8xf32>, %x: vector<8xf32>):
    %0 = vector.reduction <add>, %f : vector<8xf32> into f32
    %1 = vector.reduction <add>, %x : vector<8xf32> into f32
    %2 = arith.divf %0, %1 : f32
    mixln.yield rows(%2 : f32)
  }
  mixln.measure @change inputs ["y", "x"] per "layer" reduce "max" {
  ^bb0(%y: vector<8xf32>, %x: vector<8xf32>):
    %0 = arith.subf %y, %x : vector<8xf32>
    %1 = vector.reduction <maximumf>, %0 : vector<8xf32> into f32
    mixln.yield rows(%1 : f32)
  }
  mixln.norm_kind @l2.8 params [] inits [] {
  ^bb0(%x: vector<8xf32>):
    mixln.yield rows(%x : vector<8xf32>)
  }
  mixln.placement @readout params {} read ["x"] {
  ^bb0(%x: vector<8xf32>):
    mixln.yield rows(%x : vector<8xf32>)
  } combine [] {}
  mixln.block @layers.0 attention = #mixln.placement<>, mlp = #mixln.placement<>
}
