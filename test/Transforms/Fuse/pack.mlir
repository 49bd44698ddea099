// RUN: mixln-opt %s --mixln-pack | FileCheck %s
// RUN: mixln-opt %s --mixln-pack | mixln-opt | FileCheck %s

mixln.variable @x : tensor<8x16xf32> input
mixln.variable @w : tensor<32x16xf32> parameter init = #mixln.init<normal 0.02> {parameter_class = "ffn"}
mixln.variable @y : tensor<8x32xf32> output
mixln.variable @dx : tensor<8x16xf32> output
mixln.variable @dw : tensor<32x16xf32> output

// A weight is packed once for each way it is read, before its first reader;
// the gradient of the weight reads activations, which are not packed.
// CHECK-LABEL: mixln.entry @step
// CHECK: %[[X:.*]] = mixln.load @x
// CHECK: %[[W:.*]] = mixln.load @w
// CHECK: %[[T:.*]] = mixln.pack %[[W]] {{.*}}: tensor<32x16xf32> -> tensor<32x16xf32, #mixln.packed<transposed>>
// CHECK-NEXT: mixln.matmul lhs(%{{.*}}) rhs(%[[T]] : tensor<32x16xf32, #mixln.packed<transposed>>) transpose_rhs
// CHECK-NEXT: mixln.matmul lhs(%{{.*}}) rhs(%[[T]] : tensor<32x16xf32, #mixln.packed<transposed>>) into(%{{.*}}) transpose_rhs
// CHECK-NEXT: %[[P:.*]] = mixln.pack %[[W]] {{.*}}: tensor<32x16xf32> -> tensor<32x16xf32, #mixln.packed>
// CHECK-NEXT: mixln.matmul lhs(%[[Y:.*]] : tensor<8x32xf32>) rhs(%[[P]]
// CHECK-NEXT: mixln.matmul lhs(%[[Y]] : tensor<8x32xf32>) rhs(%[[X]] : tensor<8x16xf32>) transpose_lhs
mixln.entry @step {
  %x = mixln.load @x : tensor<8x16xf32>
  %w = mixln.load @w : tensor<32x16xf32>
  %a = mixln.matmul lhs(%x : tensor<8x16xf32>) rhs(%w : tensor<32x16xf32>) transpose_rhs {mixln.site = "up"} -> tensor<8x32xf32>
  %y = mixln.matmul lhs(%x : tensor<8x16xf32>) rhs(%w : tensor<32x16xf32>) into(%a : tensor<8x32xf32>) transpose_rhs {mixln.site = "up"} -> tensor<8x32xf32>
  %dx = mixln.matmul lhs(%y : tensor<8x32xf32>) rhs(%w : tensor<32x16xf32>) {mixln.site = "dx"} -> tensor<8x16xf32>
  %dw = mixln.matmul lhs(%y : tensor<8x32xf32>) rhs(%x : tensor<8x16xf32>) transpose_lhs {mixln.site = "dw"} -> tensor<32x16xf32>
  mixln.store %y, @y : tensor<8x32xf32>
  mixln.store %dx, @dx : tensor<8x16xf32>
  mixln.store %dw, @dw : tensor<32x16xf32>
}
