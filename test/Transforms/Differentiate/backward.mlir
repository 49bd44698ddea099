// RUN: mixln-opt %s --mixln-differentiate --split-input-file | FileCheck %s

// Projections of one input: its gradient is one sum of products, each weight's
// a product with the input, and none of them transposes anything in memory.
// CHECK-LABEL: mixln.entry @gradient {
// CHECK: %[[D:.*]]:2 = mixln.rowwise
// CHECK-SAME: -> rows(tensor<8x6xf32>, tensor<8x2xf32>)
// CHECK: %[[DX:.*]] = mixln.matmul lhs(%[[D]]#0, %[[D]]#1 : tensor<8x6xf32>, tensor<8x2xf32>) rhs(%{{.*}}, %{{.*}} : tensor<6x4xf32>, tensor<2x4xf32>) reduce
// CHECK-SAME: mixln.site = "qk.backward"
// CHECK: mixln.store %[[DX]], @grad.x
// CHECK: %[[DQ:.*]] = mixln.matmul lhs(%[[D]]#0 : tensor<8x6xf32>) rhs(%{{.*}} : tensor<8x4xf32>) transpose_lhs
// CHECK: mixln.store %[[DQ]], @grad.q
// CHECK: %[[DK:.*]] = mixln.matmul lhs(%[[D]]#1 : tensor<8x2xf32>) rhs(%{{.*}} : tensor<8x4xf32>) transpose_lhs
// CHECK: mixln.store %[[DK]], @grad.k

// Adding to stored gradients, products start from them.
// CHECK-LABEL: mixln.entry @gradient_add {
// CHECK: %[[OLD:.*]] = mixln.load @grad.q
// CHECK: mixln.matmul lhs(%{{.*}}) rhs(%{{.*}}) into(%[[OLD]] : tensor<6x4xf32>) transpose_lhs
// CHECK: mixln.matmul {{.*}} into(%{{.*}} : tensor<2x4xf32>) transpose_lhs
mixln.variable @x : tensor<8x4xf32> parameter
mixln.variable @q : tensor<6x4xf32> parameter
mixln.variable @k : tensor<2x4xf32> parameter
mixln.variable @loss_sum : tensor<1xf32> output
mixln.entry @loss {
  %x = mixln.load @x : tensor<8x4xf32>
  %q = mixln.load @q : tensor<6x4xf32>
  %k = mixln.load @k : tensor<2x4xf32>
  %a, %b = mixln.matmul lhs(%x : tensor<8x4xf32>) rhs(%q, %k : tensor<6x4xf32>, tensor<2x4xf32>) transpose_rhs {mixln.site = "qk"} -> tensor<8x6xf32>, tensor<8x2xf32>
  %l = mixln.rowwise [8] rows(%a, %b : tensor<8x6xf32>, tensor<8x2xf32>) -> sums(tensor<1xf32>) {
  ^bb0(%c: vector<6xf32>, %d: vector<2xf32>):
    %0 = math.tanh %c : vector<6xf32>
    %1 = math.tanh %d : vector<2xf32>
    %2 = vector.reduction <add>, %0 : vector<6xf32> into f32
    %3 = vector.reduction <add>, %1 : vector<2xf32> into f32
    %4 = arith.addf %2, %3 : f32
    mixln.yield sums(%4 : f32)
  }
  mixln.store %l, @loss_sum : tensor<1xf32>
}

// -----

// Through a residual sum the cotangent passes as it is: no program for it.
// Where the stream is also read, the two cotangents are added.
// CHECK-LABEL: mixln.entry @gradient {
// CHECK: mixln.load @loss_scale
// CHECK-NEXT: %[[DS:.*]] = mixln.rowwise [8] {{.*}} attributes {mixln.site = "loss.backward"}
// CHECK: %[[DX:.*]] = mixln.rowwise [8] {{.*}} attributes {mixln.site = "branch.backward"}
// CHECK: %[[SUM:.*]] = mixln.rowwise [8] rows(%[[DS]], %[[DX]] : tensor<8x4xf32>, tensor<8x4xf32>)
// CHECK: arith.addf
// CHECK: mixln.store %[[SUM]], @grad.x

// Rows are added to what is stored by one more program.
// CHECK-LABEL: mixln.entry @gradient_add {
// CHECK: %[[OLD:.*]] = mixln.load @grad.x
// CHECK-NEXT: %[[NEW:.*]] = mixln.rowwise [8] rows(%[[OLD]], %{{.*}}, %{{.*}} : tensor<8x4xf32>, tensor<8x4xf32>, tensor<8x4xf32>)
// CHECK: mixln.store %[[NEW]], @grad.x
mixln.variable @x : tensor<8x4xf32> parameter
mixln.variable @loss_sum : tensor<1xf32> output
mixln.entry @loss {
  %x = mixln.load @x : tensor<8x4xf32>
  %f = mixln.rowwise [8] rows(%x : tensor<8x4xf32>) -> rows(tensor<8x4xf32>) attributes {mixln.site = "branch"} {
  ^bb0(%a: vector<4xf32>):
    %0 = math.tanh %a : vector<4xf32>
    mixln.yield rows(%0 : vector<4xf32>)
  }
  %s = mixln.rowwise [8] rows(%x, %f : tensor<8x4xf32>, tensor<8x4xf32>) -> rows(tensor<8x4xf32>) attributes {mixln.site = "stream"} {
  ^bb0(%a: vector<4xf32>, %b: vector<4xf32>):
    %0 = arith.addf %a, %b : vector<4xf32>
    mixln.yield rows(%0 : vector<4xf32>)
  }
  %l = mixln.rowwise [8] rows(%s : tensor<8x4xf32>) -> sums(tensor<1xf32>) attributes {mixln.site = "loss"} {
  ^bb0(%a: vector<4xf32>):
    %0 = arith.mulf %a, %a : vector<4xf32>
    %1 = vector.reduction <add>, %0 : vector<4xf32> into f32
    mixln.yield sums(%1 : f32)
  }
  mixln.store %l, @loss_sum : tensor<1xf32>
}
