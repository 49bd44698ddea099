// A parameter may be loaded several times, in any order of use and twice by one
// operation: its gradient is that of all its uses.
// RUN: mixln-opt %s --mixln-differentiate -o %t.mlir
// RUN: FileCheck %s < %t.mlir
// RUN: mixln-run %t.mlir --finite-differences --random-inputs

// The product that stands first starts from what is stored, the other from it.
// CHECK-LABEL: mixln.entry @gradient_add {
// CHECK: %[[OLD:.*]] = mixln.load @grad.w
// CHECK: %[[FIRST:.*]] = mixln.matmul {{.*}} into(%[[OLD]] : tensor<4x4xf32>)
// CHECK: %[[BOTH:.*]] = mixln.matmul {{.*}} into(%[[FIRST]] : tensor<4x4xf32>)
// CHECK: mixln.store %[[BOTH]], @grad.w
mixln.variable @w : tensor<4x4xf32> parameter
mixln.variable @v : tensor<4xf32> parameter
mixln.variable @x : tensor<8x4xf32> input
mixln.variable @loss_sum : tensor<1xf32> output
mixln.entry @loss {
  %x = mixln.load @x : tensor<8x4xf32>
  %w1 = mixln.load @w : tensor<4x4xf32>
  %w2 = mixln.load @w : tensor<4x4xf32>
  %v1 = mixln.load @v : tensor<4xf32>
  %v2 = mixln.load @v : tensor<4xf32>
  %a = mixln.matmul lhs(%x : tensor<8x4xf32>) rhs(%w2 : tensor<4x4xf32>) transpose_rhs -> tensor<8x4xf32>
  %b = mixln.matmul lhs(%x : tensor<8x4xf32>) rhs(%w1 : tensor<4x4xf32>) -> tensor<8x4xf32>
  %l = mixln.rowwise [8] rows(%a, %b : tensor<8x4xf32>, tensor<8x4xf32>) shared(%v1, %v2 : tensor<4xf32>, tensor<4xf32>) -> sums(tensor<1xf32>) {
  ^bb0(%c: vector<4xf32>, %d: vector<4xf32>, %p: vector<4xf32>, %q: vector<4xf32>):
    %0 = arith.mulf %c, %p : vector<4xf32>
    %1 = math.tanh %d : vector<4xf32>
    %2 = arith.mulf %1, %q : vector<4xf32>
    %3 = arith.addf %0, %2 : vector<4xf32>
    %4 = vector.reduction <add>, %3 : vector<4xf32> into f32
    mixln.yield sums(%4 : f32)
  }
  mixln.store %l, @loss_sum : tensor<1xf32>
}
