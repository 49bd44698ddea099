// RUN: mixln-opt %s --mixln-split-products --mixln-cast-sides | FileCheck %s

// A list becomes one matmul a product; a sum becomes a chain in which each adds to the one before; what a bf16 side is
// multiplied with is rounded once for all that read it.

// CHECK-LABEL: mixln.entry @forward
// CHECK: %[[H:.*]] = mixln.load @h
// CHECK: %[[Q:.*]] = mixln.load @wq
// CHECK: %[[NARROW:.*]] = mixln.rowwise [16] rows(%[[Q]] : tensor<16x8xf32>) -> rows(tensor<16x8xbf16>)
// CHECK: %[[A:.*]] = mixln.matmul lhs(%[[H]] : tensor<4x8xbf16>) rhs(%[[NARROW]] : tensor<16x8xbf16>) transpose_rhs
// CHECK: %[[B:.*]] = mixln.matmul lhs(%[[H]] : tensor<4x8xbf16>) rhs({{.*}} : tensor<16x8xbf16>) transpose_rhs
// CHECK-NOT: mixln.rowwise
// CHECK: %[[FIRST:.*]] = mixln.matmul lhs(%[[A]] : tensor<4x16xbf16>) rhs(%[[NARROW]] : tensor<16x8xbf16>) -> tensor<4x8xbf16>
// CHECK: mixln.matmul lhs(%[[B]] : tensor<4x16xbf16>) rhs({{.*}}) into(%[[FIRST]] : tensor<4x8xbf16>) -> tensor<4x8xbf16>
module {
  mixln.variable @h : tensor<4x8xbf16> input
  mixln.variable @wq : tensor<16x8xf32> parameter
  mixln.variable @wk : tensor<16x8xf32> parameter
  mixln.variable @dh : tensor<4x8xbf16> output
  mixln.entry @forward {
    %h = mixln.load @h : tensor<4x8xbf16>
    %wq = mixln.load @wq : tensor<16x8xf32>
    %wk = mixln.load @wk : tensor<16x8xf32>
    %q, %k = mixln.matmul lhs(%h : tensor<4x8xbf16>) rhs(%wq, %wk : tensor<16x8xf32>, tensor<16x8xf32>) transpose_rhs
      -> tensor<4x16xbf16>, tensor<4x16xbf16>
    %dh = mixln.matmul lhs(%q, %k : tensor<4x16xbf16>, tensor<4x16xbf16>) rhs(%wq, %wk : tensor<16x8xf32>, tensor<16x8xf32>) reduce
      -> tensor<4x8xbf16>
    mixln.store %dh, @dh : tensor<4x8xbf16>
  }
}
