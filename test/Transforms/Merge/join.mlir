// RUN: mixln-opt %s --mixln-merge --split-input-file | FileCheck %s
// RUN: mixln-opt %s --mixln-merge --split-input-file | mixln-opt --split-input-file

mixln.variable @x : tensor<8x32xf32> input
mixln.variable @f : tensor<8x32xf32> input
mixln.variable @g : tensor<32xf32> parameter init = #mixln.init<constant 1.0> {parameter_class = "gain"}
mixln.variable @s : tensor<8x32xf32> output
mixln.variable @h : tensor<8x32xf32> output

// A residual add and the norm that reads it become one program that writes both
// rows; the sum is computed once.
// CHECK-LABEL: mixln.entry @residual_norm
// CHECK: mixln.rowwise [8] rows(%{{.*}}, %{{.*}} : tensor<8x32xf32>, tensor<8x32xf32>) shared(%{{.*}} : tensor<32xf32>) values(5.000000e-01) -> rows(tensor<8x32xf32>, tensor<8x32xf32>)
// CHECK-SAME: attributes {mixln.layer = 3 : i64, mixln.names = ["layers.2.stream", ""], mixln.site = "layers.2.mlp.combine+layers.3.attention.read"}
// CHECK: ^bb0(%[[X:.*]]: vector<32xf32>, %[[F:.*]]: vector<32xf32>, %[[G:.*]]: vector<32xf32>, %[[E:.*]]: f32):
// CHECK: %[[S:.*]] = arith.addf %[[X]], %[[F]]
// CHECK: arith.mulf %[[S]], %[[S]]
// CHECK: mixln.yield rows(%[[S]], %
// CHECK-NOT: mixln.rowwise
mixln.entry @residual_norm {
  %x = mixln.load @x : tensor<8x32xf32>
  %f = mixln.load @f : tensor<8x32xf32>
  %s = mixln.rowwise [8] rows(%x, %f : tensor<8x32xf32>, tensor<8x32xf32>) -> rows(tensor<8x32xf32>) attributes {mixln.site = "layers.2.mlp.combine", mixln.layer = 2 : i64, mixln.names = ["layers.2.stream"]} {
  ^bb0(%a: vector<32xf32>, %b: vector<32xf32>):
    %0 = arith.addf %a, %b : vector<32xf32>
    mixln.yield rows(%0 : vector<32xf32>)
  }
  %g = mixln.load @g : tensor<32xf32>
  %h = mixln.rowwise [8] rows(%s : tensor<8x32xf32>) shared(%g : tensor<32xf32>) values(0.5) -> rows(tensor<8x32xf32>) attributes {mixln.site = "layers.3.attention.read", mixln.layer = 3 : i64} {
  ^bb0(%a: vector<32xf32>, %w: vector<32xf32>, %eps: f32):
    %0 = arith.mulf %a, %a : vector<32xf32>
    %1 = vector.reduction <add>, %0 : vector<32xf32> into f32
    %2 = arith.addf %1, %eps : f32
    %3 = math.rsqrt %2 : f32
    %4 = vector.broadcast %3 : f32 to vector<32xf32>
    %5 = arith.mulf %a, %4 : vector<32xf32>
    %6 = arith.mulf %5, %w : vector<32xf32>
    mixln.yield rows(%6 : vector<32xf32>)
  }
  mixln.store %s, @s : tensor<8x32xf32>
  mixln.store %h, @h : tensor<8x32xf32>
}

// -----

mixln.variable @x : tensor<8x32xf32> input
mixln.variable @g : tensor<32xf32> parameter init = #mixln.init<constant 1.0> {parameter_class = "gain"}
mixln.variable @h : tensor<8x32xf32> output
mixln.variable @n : tensor<1xf32> output

// Two programs that read the same rows with the same parameter, loaded twice,
// are one with one result; the copy of the input is the input.
// CHECK-LABEL: mixln.entry @siblings
// CHECK-COUNT-2: mixln.load
// CHECK-NOT: mixln.load
// CHECK: mixln.rowwise [8] rows(%{{.*}} : tensor<8x32xf32>) shared(%{{.*}} : tensor<32xf32>) -> rows(tensor<8x32xf32>) sums(tensor<1xf32>) {
// CHECK-COUNT-1: arith.mulf
// CHECK-NOT: arith.mulf
// CHECK-NOT: mixln.rowwise
// CHECK: %{{.*}}:2 = mixln.matmul lhs(%[[H:.*]] : tensor<8x32xf32>) rhs(%[[H]], %{{.*}} : tensor<8x32xf32>, tensor<8x32xf32>) transpose_rhs
// CHECK: mixln.rowwise
// CHECK-NOT: mixln.rowwise
mixln.entry @siblings {
  %x = mixln.load @x : tensor<8x32xf32>
  %g = mixln.load @g : tensor<32xf32>
  %a:2 = mixln.rowwise [8] rows(%x : tensor<8x32xf32>) shared(%g : tensor<32xf32>) -> rows(tensor<8x32xf32>, tensor<8x32xf32>) {
  ^bb0(%r: vector<32xf32>, %w: vector<32xf32>):
    %0 = arith.mulf %r, %w : vector<32xf32>
    mixln.yield rows(%0, %r : vector<32xf32>, vector<32xf32>)
  }
  %p = mixln.matmul lhs(%a#0 : tensor<8x32xf32>) rhs(%a#0 : tensor<8x32xf32>) transpose_rhs -> tensor<8x8xf32>
  %g2 = mixln.load @g : tensor<32xf32>
  %b, %n = mixln.rowwise [8] rows(%x : tensor<8x32xf32>) shared(%g2 : tensor<32xf32>) -> rows(tensor<8x32xf32>) sums(tensor<1xf32>) {
  ^bb0(%r: vector<32xf32>, %w: vector<32xf32>):
    %0 = arith.mulf %r, %w : vector<32xf32>
    %1 = vector.reduction <add>, %0 : vector<32xf32> into f32
    mixln.yield rows(%0 : vector<32xf32>) sums(%1 : f32)
  }
  %q = mixln.matmul lhs(%b : tensor<8x32xf32>) rhs(%a#1 : tensor<8x32xf32>) transpose_rhs -> tensor<8x8xf32>
  %r = mixln.rowwise [8] rows(%p, %q : tensor<8x8xf32>, tensor<8x8xf32>) shared(%n : tensor<1xf32>) -> rows(tensor<8x32xf32>) {
  ^bb0(%u: vector<8xf32>, %v: vector<8xf32>, %c: f32):
    %0 = arith.addf %u, %v : vector<8xf32>
    %1 = vector.reduction <add>, %0 : vector<8xf32> into f32
    %2 = arith.addf %1, %c : f32
    %3 = vector.broadcast %2 : f32 to vector<32xf32>
    mixln.yield rows(%3 : vector<32xf32>)
  }
  mixln.store %r, @h : tensor<8x32xf32>
  mixln.store %n, @n : tensor<1xf32>
}
