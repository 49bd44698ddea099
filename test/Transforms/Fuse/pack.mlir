// RUN: mixln-opt %s --mixln-pack | FileCheck %s
// RUN: mixln-opt %s --mixln-pack | mixln-opt | FileCheck %s

mixln.variable @x : tensor<8x16xf32> input
mixln.variable @w : tensor<32x16xf32> parameter init = #mixln.init<normal 0.02> {parameter_class = "ffn"}
mixln.variable @y : tensor<8x32xf32> output
mixln.variable @dx : tensor<8x16xf32> output
mixln.variable @dw : tensor<32x16xf32> output

// A weight is packed once for each way it is read, before its first reader;
// the gradient of the weight reads activations, which are not packed where the
// product is as small as this.
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

mixln.variable @h : tensor<8x16xbf16> output
mixln.variable @g : tensor<8x32xbf16> output

// Beside a bf16 left side a weight becomes bf16 in its pack. The gradient's left
// side is paired and its right side packed, once for the two products that read
// them.
// CHECK-LABEL: mixln.entry @narrow
// CHECK-DAG: %[[W:.*]] = mixln.load @w
// CHECK-DAG: %[[H:.*]] = mixln.load @h
// CHECK-DAG: %[[G:.*]] = mixln.load @g
// CHECK: %[[T:.*]] = mixln.pack %[[W]] : tensor<32x16xf32> -> tensor<32x16xbf16, #mixln.packed<transposed>>
// CHECK-NEXT: mixln.matmul lhs(%[[H]] : tensor<8x16xbf16>) rhs(%[[T]] {{.*}} -> tensor<8x32xbf16>
// CHECK-NEXT: %[[A:.*]] = mixln.pack %[[G]] : tensor<8x32xbf16> -> tensor<8x32xbf16, #mixln.paired>
// CHECK-NEXT: %[[B:.*]] = mixln.pack %[[H]] : tensor<8x16xbf16> -> tensor<8x16xbf16, #mixln.packed>
// CHECK-NEXT: mixln.matmul lhs(%[[A]] {{.*}} rhs(%[[B]] {{.*}} transpose_lhs -> tensor<32x16xf32>
// CHECK-NEXT: mixln.matmul lhs(%[[A]] {{.*}} rhs(%[[B]] {{.*}} into
mixln.entry @narrow {
  %h = mixln.load @h : tensor<8x16xbf16>
  %g = mixln.load @g : tensor<8x32xbf16>
  %w = mixln.load @w : tensor<32x16xf32>
  %y = mixln.matmul lhs(%h : tensor<8x16xbf16>) rhs(%w : tensor<32x16xf32>) transpose_rhs -> tensor<8x32xbf16>
  %a = mixln.matmul lhs(%g : tensor<8x32xbf16>) rhs(%h : tensor<8x16xbf16>) transpose_lhs -> tensor<32x16xf32>
  %b = mixln.matmul lhs(%g : tensor<8x32xbf16>) rhs(%h : tensor<8x16xbf16>) into(%a : tensor<32x16xf32>) transpose_lhs -> tensor<32x16xf32>
  mixln.store %y, @g : tensor<8x32xbf16>
  mixln.store %b, @dw : tensor<32x16xf32>
}

mixln.variable @big : tensor<8x256xf32> output
mixln.variable @dbig : tensor<256x16xf32> output

// The activation that 256 rows of a gradient are sums of is packed.
// CHECK-LABEL: mixln.entry @wide
// CHECK: %[[X:.*]] = mixln.load @x
// CHECK: %[[P:.*]] = mixln.pack %[[X]] : tensor<8x16xf32> -> tensor<8x16xf32, #mixln.packed>
// CHECK-NEXT: mixln.matmul lhs(%{{.*}} : tensor<8x256xf32>) rhs(%[[P]]
mixln.entry @wide {
  %x = mixln.load @x : tensor<8x16xf32>
  %dy = mixln.load @big : tensor<8x256xf32>
  %dw = mixln.matmul lhs(%dy : tensor<8x256xf32>) rhs(%x : tensor<8x16xf32>) transpose_lhs -> tensor<256x16xf32>
  mixln.store %dw, @dbig : tensor<256x16xf32>
}
