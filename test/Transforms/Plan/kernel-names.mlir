// A kernel's name has the length of its rows, whatever stands before them.
// RUN: mixlnc %s --compile_from plan --compile_to plan | FileCheck %s
// CHECK: mixln.kernel @rows.mlp_scaled.32 {
mixln.variable @n : tensor<8xf32> input
mixln.variable @x : tensor<8x32xf32> input
mixln.variable @y : tensor<8x32xf32> output
mixln.entry @scale {
  %n = mixln.load @n : tensor<8xf32>
  %x = mixln.load @x : tensor<8x32xf32>
  %y = mixln.rowwise [8] rows(%n, %x : tensor<8xf32>, tensor<8x32xf32>) -> rows(tensor<8x32xf32>) attributes {mixln.site = "layers.3.mlp.scaled"} {
  ^bb0(%c: f32, %a: vector<32xf32>):
    %0 = vector.broadcast %c : f32 to vector<32xf32>
    %1 = arith.mulf %a, %0 : vector<32xf32>
    mixln.yield rows(%1 : vector<32xf32>)
  }
  mixln.store %y, @y : tensor<8x32xf32>
}
