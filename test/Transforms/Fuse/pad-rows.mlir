// RUN: mixln-opt %s --mixln-pad-rows | FileCheck %s
// RUN: mixln-opt %s --mixln-pad-rows --mixln-plan-memory | FileCheck %s --check-prefix=PLAN

// What only row programs and products of bf16 touch gets padded rows where its rows are no multiples of 16 bytes; all
// else is copied, and what a product adds to is added by the copy.

module {
  mixln.variable @g : tensor<4x13xbf16> input
  mixln.variable @w : tensor<8x13xbf16> parameter
  mixln.variable @dy : tensor<4x8xbf16> input
  mixln.variable @y : tensor<4x8xbf16> output
  mixln.variable @grad : tensor<8x13xf32> gradient

  // PLAN: mixln.rowwise {{.*}}"padded"
  // CHECK-LABEL: mixln.entry @step
  // CHECK: %[[OLD:.*]] = mixln.load @grad
  // CHECK: %[[H:.*]] = mixln.rowwise [4] rows({{.*}} : tensor<4x13xbf16>) -> rows(tensor<4x13xbf16, "padded">)
  // CHECK: %[[W:.*]] = mixln.rowwise [8] rows({{.*}} : tensor<8x13xbf16>) -> rows(tensor<8x13xbf16, "padded">)
  // CHECK: mixln.matmul lhs(%[[H]] : tensor<4x13xbf16, "padded">) rhs(%[[W]] : tensor<8x13xbf16, "padded">) transpose_rhs -> tensor<4x8xbf16>
  // CHECK: %[[T:.*]] = mixln.matmul lhs({{.*}} : tensor<4x8xbf16>) rhs(%[[H]] : tensor<4x13xbf16, "padded">) transpose_lhs -> tensor<8x13xf32, "padded">
  // CHECK: %[[NEW:.*]] = mixln.rowwise [8] rows(%[[T]], %[[OLD]] : tensor<8x13xf32, "padded">, tensor<8x13xf32>) -> rows(tensor<8x13xf32>)
  // CHECK: arith.addf
  // CHECK: mixln.store %[[NEW]], @grad
  // The same weight is copied once.
  // CHECK: mixln.matmul lhs(%{{.*}} : tensor<4x8xbf16>) rhs(%[[W]] : tensor<8x13xbf16, "padded">) -> tensor<4x13xbf16, "padded">
  mixln.entry @step {
    %g = mixln.load @g : tensor<4x13xbf16>
    %w = mixln.load @w : tensor<8x13xbf16>
    %dy = mixln.load @dy : tensor<4x8xbf16>
    %old = mixln.load @grad : tensor<8x13xf32>
    %h = mixln.rowwise [4] rows(%g : tensor<4x13xbf16>) -> rows(tensor<4x13xbf16>) {
    ^bb0(%a: vector<13xf32>):
      %b = arith.mulf %a, %a : vector<13xf32>
      mixln.yield rows(%b : vector<13xf32>)
    }
    %y = mixln.matmul lhs(%h : tensor<4x13xbf16>) rhs(%w : tensor<8x13xbf16>) transpose_rhs -> tensor<4x8xbf16>
    mixln.store %y, @y : tensor<4x8xbf16>
    %dw = mixln.matmul lhs(%dy : tensor<4x8xbf16>) rhs(%h : tensor<4x13xbf16>) into(%old : tensor<8x13xf32>) transpose_lhs
      -> tensor<8x13xf32>
    mixln.store %dw, @grad : tensor<8x13xf32>
    %dh = mixln.matmul lhs(%dy : tensor<4x8xbf16>) rhs(%w : tensor<8x13xbf16>) -> tensor<4x13xbf16>
    %dg = mixln.rowwise [4] rows(%dh : tensor<4x13xbf16>) -> rows(tensor<4x13xbf16>) {
    ^bb0(%a: vector<13xf32>):
      mixln.yield rows(%a : vector<13xf32>)
    }
    mixln.store %dg, @dg : tensor<4x13xbf16>
  }
  mixln.variable @dg : tensor<4x13xbf16> output

  // A chain of products that add to each other is padded as one; products of f32 and whole rows stay as they are.

  // CHECK-LABEL: mixln.entry @chain
  // CHECK: %[[FIRST:.*]] = mixln.matmul {{.*}} -> tensor<4x13xbf16, "padded">
  // CHECK: %[[SECOND:.*]] = mixln.matmul {{.*}} into(%[[FIRST]] : tensor<4x13xbf16, "padded">) -> tensor<4x13xbf16, "padded">
  // CHECK: mixln.rowwise [4] rows(%[[SECOND]] : tensor<4x13xbf16, "padded">)
  // CHECK: mixln.matmul {{.*}} -> tensor<4x13xf32>
  // CHECK: mixln.matmul lhs({{.*}} : tensor<4x8xbf16>) {{.*}} -> tensor<4x8xbf16>
  mixln.variable @v : tensor<8x13xf32> parameter
  mixln.variable @u : tensor<8x8xbf16> parameter
  mixln.variable @x : tensor<4x8xf32> input
  mixln.variable @z : tensor<4x13xf32> output
  mixln.entry @chain {
    %w = mixln.load @w : tensor<8x13xbf16>
    %u = mixln.load @u : tensor<8x8xbf16>
    %v = mixln.load @v : tensor<8x13xf32>
    %x = mixln.load @x : tensor<4x8xf32>
    %dy = mixln.load @dy : tensor<4x8xbf16>
    %a = mixln.matmul lhs(%dy : tensor<4x8xbf16>) rhs(%w : tensor<8x13xbf16>) -> tensor<4x13xbf16>
    %b = mixln.matmul lhs(%dy : tensor<4x8xbf16>) rhs(%w : tensor<8x13xbf16>) into(%a : tensor<4x13xbf16>) -> tensor<4x13xbf16>
    %c = mixln.rowwise [4] rows(%b : tensor<4x13xbf16>) -> rows(tensor<4x13xbf16>) {
    ^bb0(%r: vector<13xf32>):
      mixln.yield rows(%r : vector<13xf32>)
    }
    mixln.store %c, @dg : tensor<4x13xbf16>
    %z = mixln.matmul lhs(%x : tensor<4x8xf32>) rhs(%v : tensor<8x13xf32>) -> tensor<4x13xf32>
    mixln.store %z, @z : tensor<4x13xf32>
    %y = mixln.matmul lhs(%dy : tensor<4x8xbf16>) rhs(%u : tensor<8x8xbf16>) -> tensor<4x8xbf16>
    mixln.store %y, @y : tensor<4x8xbf16>
  }
}
