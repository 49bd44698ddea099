// Joined kernels that read the product in another place are two kernels, though
// the operations in their row programs are the same.
// RUN: mixlnc %s --compile_from plan --compile_to plan --target cuda --gpu_matmul generated | FileCheck %s

// CHECK: mixln.kernel @matmul.nt.f32.f32.joined {
// CHECK: %[[P:.*]] = mixln.matmul
// CHECK: mixln.rowwise [8] rows(%{{.*}}, %[[P]] :
// CHECK: mixln.kernel @matmul.nt.f32.f32.joined.2 {
// CHECK: %[[P:.*]] = mixln.matmul
// CHECK: mixln.rowwise [8] rows(%[[P]], %{{.*}} :
// CHECK: mixln.entry @differences
// CHECK: mixln.dispatch @matmul.nt.f32.f32.joined domain
// CHECK: mixln.dispatch @matmul.nt.f32.f32.joined.2 domain
// A third like the first has the first's kernel.
// CHECK: mixln.dispatch @matmul.nt.f32.f32.joined domain
mixln.variable @h : tensor<8x16xf32> input
mixln.variable @w : tensor<32x16xf32> input
mixln.variable @g : tensor<8x32xf32> input
mixln.variable @a : tensor<8x32xf32> output
mixln.variable @b : tensor<8x32xf32> output
mixln.variable @c : tensor<8x32xf32> output
mixln.entry @differences {
  %h = mixln.load @h : tensor<8x16xf32>
  %w = mixln.load @w : tensor<32x16xf32>
  %g = mixln.load @g : tensor<8x32xf32>
  %p = mixln.matmul lhs(%h : tensor<8x16xf32>) rhs(%w : tensor<32x16xf32>)
      transpose_rhs -> tensor<8x32xf32>
  %a = mixln.rowwise [8] rows(%g, %p : tensor<8x32xf32>, tensor<8x32xf32>)
      -> rows(tensor<8x32xf32>) {
  ^bb0(%x: vector<32xf32>, %y: vector<32xf32>):
    %0 = arith.subf %x, %y : vector<32xf32>
    mixln.yield rows(%0 : vector<32xf32>)
  }
  mixln.store %a, @a : tensor<8x32xf32>
  %q = mixln.matmul lhs(%h : tensor<8x16xf32>) rhs(%w : tensor<32x16xf32>)
      transpose_rhs -> tensor<8x32xf32>
  %b = mixln.rowwise [8] rows(%q, %g : tensor<8x32xf32>, tensor<8x32xf32>)
      -> rows(tensor<8x32xf32>) {
  ^bb0(%x: vector<32xf32>, %y: vector<32xf32>):
    %0 = arith.subf %x, %y : vector<32xf32>
    mixln.yield rows(%0 : vector<32xf32>)
  }
  mixln.store %b, @b : tensor<8x32xf32>
  %r = mixln.matmul lhs(%h : tensor<8x16xf32>) rhs(%w : tensor<32x16xf32>)
      transpose_rhs -> tensor<8x32xf32>
  %c = mixln.rowwise [8] rows(%g, %r : tensor<8x32xf32>, tensor<8x32xf32>)
      -> rows(tensor<8x32xf32>) {
  ^bb0(%x: vector<32xf32>, %y: vector<32xf32>):
    %0 = arith.subf %x, %y : vector<32xf32>
    mixln.yield rows(%0 : vector<32xf32>)
  }
  mixln.store %c, @c : tensor<8x32xf32>
}
