// RUN: mixln-opt %s --mixln-decode-weights | FileCheck %s
// RUN: mixln-opt %s --mixln-decode-weights -o %t.mlir
// RUN: mixln-run %t.mlir --entry decode_weights --entry decode --random-inputs --outputs %t.new
// RUN: mixln-run %s --entry decode --random-inputs --outputs %t.old
// RUN: cmp %t.new %t.old

// A product of one row in `decode` reads a copy in bf16 that an entry of its own makes; other products, other entries
// and weights that are bf16 already stay as they are.
// CHECK: mixln.variable @decode.w : tensor<32x16xbf16> cache
// CHECK-NOT: @decode.v
module attributes {mixln.dtype = "bf16"} {
  mixln.variable @x : tensor<1x16xf32> input
  mixln.variable @w : tensor<32x16xf32> parameter init = #mixln.init<normal 0.02> {parameter_class = "ffn"}
  mixln.variable @v : tensor<32x16xf32> parameter init = #mixln.init<normal 0.02> {parameter_class = "ffn"}
  mixln.variable @y : tensor<1x32xf32> output
  mixln.variable @z : tensor<1x32xf32> output

  // CHECK: mixln.entry @decode_weights
  // CHECK: %[[W:.*]] = mixln.load @w
  // CHECK: %[[N:.*]] = mixln.rowwise [32] rows(%[[W]] : tensor<32x16xf32>) -> rows(tensor<32x16xbf16>)
  // CHECK: mixln.store %[[N]], @decode.w

  // CHECK: mixln.entry @decode
  // CHECK-NOT: mixln.load @w
  // CHECK: %[[K:.*]] = mixln.load @decode.w : tensor<32x16xbf16>
  // CHECK: mixln.matmul lhs(%{{.*}}) rhs(%[[K]]
  // CHECK: mixln.load @v : tensor<32x16xf32>
  mixln.entry @decode {
    %x = mixln.load @x : tensor<1x16xf32>
    %h = mixln.rowwise [1] rows(%x : tensor<1x16xf32>) -> rows(tensor<1x16xbf16>) {
    ^bb0(%r: vector<16xf32>):
      mixln.yield rows(%r : vector<16xf32>)
    }
    %w = mixln.load @w : tensor<32x16xf32>
    %y = mixln.matmul lhs(%h : tensor<1x16xbf16>) rhs(%w : tensor<32x16xf32>) transpose_rhs -> tensor<1x32xf32>
    mixln.store %y, @y : tensor<1x32xf32>
    %v = mixln.load @v : tensor<32x16xf32>
    %z = mixln.matmul lhs(%x : tensor<1x16xf32>) rhs(%v : tensor<32x16xf32>) transpose_rhs -> tensor<1x32xf32>
    mixln.store %z, @z : tensor<1x32xf32>
  }

  // CHECK: mixln.entry @loss
  // CHECK: mixln.load @w : tensor<32x16xf32>
  mixln.entry @loss {
    %x = mixln.load @x : tensor<1x16xf32>
    %h = mixln.rowwise [1] rows(%x : tensor<1x16xf32>) -> rows(tensor<1x16xbf16>) {
    ^bb0(%r: vector<16xf32>):
      mixln.yield rows(%r : vector<16xf32>)
    }
    %w = mixln.load @w : tensor<32x16xf32>
    %y = mixln.matmul lhs(%h : tensor<1x16xbf16>) rhs(%w : tensor<32x16xf32>) transpose_rhs -> tensor<1x32xf32>
    mixln.store %y, @y : tensor<1x32xf32>
  }
}
