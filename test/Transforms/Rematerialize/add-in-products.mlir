// RUN: mixln-opt %s --mixln-add-in-products | FileCheck %s

// A product in f32 that is read only to add one tensor to it adds that tensor itself; the sum that a row program stored is
// then the product's result.

// CHECK-LABEL: mixln.entry @residual
// CHECK: %[[X:.*]] = mixln.rowwise
// CHECK: %[[S:.*]] = mixln.matmul lhs({{.*}}) rhs({{.*}}) into(%[[X]] : tensor<4x8xf32>) -> tensor<4x8xf32>
// CHECK: %[[H:.*]] = mixln.rowwise [4] rows(%[[S]] : tensor<4x8xf32>) -> rows(tensor<4x8xf32>)
// CHECK-NOT: arith.addf
// CHECK: mixln.store %[[S]], @s
// CHECK: mixln.store %[[H]], @h

// Not where something else reads the product, nor in bf16, nor where the sum is scaled first.

// CHECK-LABEL: mixln.entry @others
// CHECK: mixln.matmul lhs({{.*}}) rhs({{.*}}) -> tensor<4x8xf32>
// CHECK: mixln.matmul lhs({{.*}}) rhs({{.*}}) -> tensor<4x8xbf16>
// CHECK: mixln.matmul lhs({{.*}}) rhs({{.*}}) -> tensor<4x8xf32>
// CHECK-NOT: into
module {
  mixln.variable @e : tensor<4x8xf32> input
  mixln.variable @w : tensor<8x8xf32> parameter
  mixln.variable @s : tensor<4x8xf32> output
  mixln.variable @h : tensor<4x8xf32> output
  mixln.variable @t : tensor<4x8xf32> output
  mixln.entry @residual {
    %e = mixln.load @e : tensor<4x8xf32>
    %w = mixln.load @w : tensor<8x8xf32>
    %x = mixln.rowwise [4] rows(%e : tensor<4x8xf32>) -> rows(tensor<4x8xf32>) {
    ^bb0(%a: vector<8xf32>):
      %b = arith.mulf %a, %a : vector<8xf32>
      mixln.yield rows(%b : vector<8xf32>)
    }
    %f = mixln.matmul lhs(%e : tensor<4x8xf32>) rhs(%w : tensor<8x8xf32>) -> tensor<4x8xf32>
    %s, %h = mixln.rowwise [4] rows(%x, %f : tensor<4x8xf32>, tensor<4x8xf32>) -> rows(tensor<4x8xf32>, tensor<4x8xf32>) {
    ^bb0(%a: vector<8xf32>, %b: vector<8xf32>):
      %c = arith.addf %a, %b : vector<8xf32>
      %d = arith.mulf %c, %c : vector<8xf32>
      mixln.yield rows(%c, %d : vector<8xf32>, vector<8xf32>)
    }
    mixln.store %s, @s : tensor<4x8xf32>
    mixln.store %h, @h : tensor<4x8xf32>
  }
  mixln.entry @others {
    %e = mixln.load @e : tensor<4x8xf32>
    %w = mixln.load @w : tensor<8x8xf32>
    %x = mixln.rowwise [4] rows(%e : tensor<4x8xf32>) -> rows(tensor<4x8xf32>) {
    ^bb0(%a: vector<8xf32>):
      %b = arith.mulf %a, %a : vector<8xf32>
      mixln.yield rows(%b : vector<8xf32>)
    }
    %f = mixln.matmul lhs(%e : tensor<4x8xf32>) rhs(%w : tensor<8x8xf32>) -> tensor<4x8xf32>
    %s = mixln.rowwise [4] rows(%x, %f : tensor<4x8xf32>, tensor<4x8xf32>) -> rows(tensor<4x8xf32>) {
    ^bb0(%a: vector<8xf32>, %b: vector<8xf32>):
      %c = arith.addf %a, %b : vector<8xf32>
      mixln.yield rows(%c : vector<8xf32>)
    }
    %h = mixln.rowwise [4] rows(%f : tensor<4x8xf32>) -> rows(tensor<4x8xf32>) {
    ^bb0(%b: vector<8xf32>):
      mixln.yield rows(%b : vector<8xf32>)
    }
    %n = mixln.matmul lhs(%e : tensor<4x8xf32>) rhs(%w : tensor<8x8xf32>) -> tensor<4x8xbf16>
    %k = mixln.rowwise [4] rows(%x, %n : tensor<4x8xf32>, tensor<4x8xbf16>) -> rows(tensor<4x8xf32>) {
    ^bb0(%a: vector<8xf32>, %b: vector<8xf32>):
      %c = arith.addf %a, %b : vector<8xf32>
      mixln.yield rows(%c : vector<8xf32>)
    }
    %g = mixln.matmul lhs(%e : tensor<4x8xf32>) rhs(%w : tensor<8x8xf32>) -> tensor<4x8xf32>
    %m = mixln.rowwise [4] rows(%k, %g : tensor<4x8xf32>, tensor<4x8xf32>) -> rows(tensor<4x8xf32>) {
    ^bb0(%a: vector<8xf32>, %b: vector<8xf32>):
      %two = arith.constant dense<2.0> : vector<8xf32>
      %d = arith.mulf %b, %two : vector<8xf32>
      %c = arith.addf %a, %d : vector<8xf32>
      mixln.yield rows(%c : vector<8xf32>)
    }
    mixln.store %s, @s : tensor<4x8xf32>
    mixln.store %h, @h : tensor<4x8xf32>
    mixln.store %m, @t : tensor<4x8xf32>
  }
}
