// RUN: mixln-opt %s --mixln-plan-memory --mixln-form-dispatches | mixln-opt | FileCheck %s

mixln.variable @x : tensor<8x32xf32> input
mixln.variable @z : tensor<16x32xf32> input
mixln.variable @y : tensor<8x32xf32> output
mixln.variable @w : tensor<16x32xf32> output
mixln.variable @n : tensor<32xf32> output

// Programs that differ in numbers of rows and immediates are one kernel; the
// name comes from the site. Reshapes vanish. Immediates keep their digits.
// CHECK: mixln.kernel @rows.mlp_scale.32
// CHECK: mixln.rowwise [8]
// CHECK-NOT: mixln.site
// CHECK: mixln.kernel @rows.mlp_sum.32
// CHECK-NOT: mixln.kernel
// CHECK-LABEL: mixln.entry @scale
// CHECK-NEXT: mixln.dispatch @rows.mlp_scale.32 domain [8] values [5.000000e-01] reads [0] : [tensor<8x32xf32>] writes [3072] : [tensor<8x32xf32>]
// CHECK-SAME: bytes = 2.048000e+03 : f64, flops = 2.560000e+02 : f64, mixln.layer = 3 : i64, mixln.site = "layers.3.mlp.scale", sizes = array<i64: 8>, tasks = array<i64: 1>
// CHECK-NEXT: mixln.dispatch @rows.mlp_scale.32 domain [16] values [0.33333333333333331] reads [1024] : [tensor<16x32xf32>] writes [4096] : [tensor<16x32xf32>]
// CHECK-NEXT: mixln.dispatch @rows.mlp_sum.32 domain [16] values [] reads [4096]
// CHECK-NEXT: {{^ *}$}}
mixln.entry @scale {
  %x = mixln.load @x : tensor<8x32xf32>
  %a = mixln.rowwise [8] rows(%x : tensor<8x32xf32>) values(0.5) -> rows(tensor<8x32xf32>) attributes {mixln.site = "layers.3.mlp.scale", mixln.layer = 3 : i64} {
  ^bb0(%p: vector<32xf32>, %c: f32):
    %b = vector.broadcast %c : f32 to vector<32xf32>
    %0 = arith.mulf %p, %b : vector<32xf32>
    mixln.yield rows(%0 : vector<32xf32>)
  }
  mixln.store %a, @y : tensor<8x32xf32>
  %z = mixln.load @z : tensor<16x32xf32>
  %c = mixln.rowwise [16] rows(%z : tensor<16x32xf32>) values(0.3333333333333333) -> rows(tensor<16x32xf32>) attributes {mixln.site = "layers.4.mlp.scale", mixln.layer = 4 : i64} {
  ^bb0(%p: vector<32xf32>, %c: f32):
    %b = vector.broadcast %c : f32 to vector<32xf32>
    %0 = arith.mulf %p, %b : vector<32xf32>
    mixln.yield rows(%0 : vector<32xf32>)
  }
  mixln.store %c, @w : tensor<16x32xf32>
  %s = mixln.rowwise [16] rows(%c : tensor<16x32xf32>) -> sums(tensor<32xf32>) attributes {mixln.site = "layers.4.mlp.sum", mixln.layer = 4 : i64} {
  ^bb0(%p: vector<32xf32>):
    mixln.yield sums(%p : vector<32xf32>)
  }
  mixln.store %s, @n : tensor<32xf32>
}
