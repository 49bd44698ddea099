// RUN: mixln-opt %s --mixln-fuse | FileCheck %s
// RUN: mixln-opt %s --mixln-fuse -o %t.fused && mixln-run %s --compare %t.fused --entry many --random-inputs

mixln.variable @x : tensor<8x32xf32> input
mixln.variable @w : tensor<32x32xf32> parameter init = #mixln.init<normal 0.02> {parameter_class = "o"}
mixln.variable @y : tensor<8x32xf32> output

// Three cotangents are added where the second and the third are made: the
// first is read by the program that makes the second, not kept to the end.
// CHECK-LABEL: mixln.entry @many
// CHECK: %[[A:.*]] = mixln.rowwise [8] rows(%{{.*}} : tensor<8x32xf32>) -> rows(tensor<8x32xf32>)
// CHECK: %[[M:.*]] = mixln.matmul lhs(%[[A]]
// CHECK: %[[B:.*]]:2 = mixln.rowwise [8] rows(%[[M]], %[[A]] : tensor<8x32xf32>, tensor<8x32xf32>) -> rows(tensor<8x32xf32>, tensor<8x32xf32>)
// CHECK: %[[N:.*]] = mixln.matmul lhs(%[[B]]#0
// CHECK: %[[S:.*]] = mixln.rowwise [8] rows(%[[N]], %[[B]]#1 :
// CHECK-NOT: mixln.rowwise
// CHECK: mixln.store %[[S]], @y
mixln.entry @many {
  %x = mixln.load @x : tensor<8x32xf32>
  %w = mixln.load @w : tensor<32x32xf32>
  %a = mixln.rowwise [8] rows(%x : tensor<8x32xf32>) -> rows(tensor<8x32xf32>) {
  ^bb0(%r: vector<32xf32>):
    %0 = arith.mulf %r, %r : vector<32xf32>
    mixln.yield rows(%0 : vector<32xf32>)
  }
  %m = mixln.matmul lhs(%a : tensor<8x32xf32>) rhs(%w : tensor<32x32xf32>) -> tensor<8x32xf32>
  %b = mixln.rowwise [8] rows(%m : tensor<8x32xf32>) -> rows(tensor<8x32xf32>) {
  ^bb0(%r: vector<32xf32>):
    %0 = math.tanh %r : vector<32xf32>
    mixln.yield rows(%0 : vector<32xf32>)
  }
  %n = mixln.matmul lhs(%b : tensor<8x32xf32>) rhs(%w : tensor<32x32xf32>) -> tensor<8x32xf32>
  %c = mixln.rowwise [8] rows(%n : tensor<8x32xf32>) -> rows(tensor<8x32xf32>) {
  ^bb0(%r: vector<32xf32>):
    %0 = math.tanh %r : vector<32xf32>
    mixln.yield rows(%0 : vector<32xf32>)
  }
  %s = mixln.rowwise [8] rows(%c, %b, %a : tensor<8x32xf32>, tensor<8x32xf32>, tensor<8x32xf32>) -> rows(tensor<8x32xf32>) {
  ^bb0(%u: vector<32xf32>, %v: vector<32xf32>, %r: vector<32xf32>):
    %0 = arith.addf %u, %v : vector<32xf32>
    %1 = arith.addf %0, %r : vector<32xf32>
    mixln.yield rows(%1 : vector<32xf32>)
  }
  mixln.store %s, @y : tensor<8x32xf32>
}
