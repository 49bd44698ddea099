// A row program without reductions joins the product that it reads, the later
// of two; one that needs whole rows does not, and a target whose products are a
// library's joins nothing.
// RUN: mixlnc %s --compile_from plan --compile_to plan --target cuda --gpu_matmul generated | FileCheck %s
// RUN: mixlnc %s --compile_from plan --compile_to plan --target cuda | FileCheck %s --check-prefix=LIBRARY
// RUN: mixln-opt %s --mixln-join-products | FileCheck %s --check-prefix=PASS

// PASS: %[[G:.*]] = mixln.matmul
// PASS: mixln.joined(%{{.*}}, %{{.*}}, %[[G]])
// PASS-NEXT: ^bb0
// PASS-NEXT: %[[P:.*]] = mixln.matmul
// PASS: mixln.rowwise [8] rows(%{{.*}}, %[[P]] :
// PASS: mixln.matmul
// PASS: mixln.rowwise
// PASS-NOT: mixln.joined

// LIBRARY-NOT: mixln.joined

// CHECK: mixln.kernel @matmul.nt.f32.f32 {
// CHECK: mixln.kernel @matmul.nt.f32.f32.joined {
// CHECK: mixln.joined(%{{.*}}, %{{.*}}, %{{.*}})
// CHECK-NOT: keeps_product
// CHECK: mixln.matmul
// CHECK: mixln.rowwise
// CHECK: mixln.kernel @rows
// CHECK-NOT: mixln.joined
// CHECK: mixln.entry @multiply
// The gate, the product with its reader, the sums of rows.
// CHECK: mixln.dispatch @matmul.nt.f32.f32 domain
// CHECK: mixln.dispatch @matmul.nt.f32.f32.joined domain []
// CHECK: mixln.dispatch @matmul.nt.f32.f32 domain
// CHECK: mixln.dispatch @rows
mixln.variable @h : tensor<8x16xf32> input
mixln.variable @w : tensor<32x16xf32> input
mixln.variable @v : tensor<32x16xf32> input
mixln.variable @y : tensor<8x32xf32> output
mixln.variable @s : tensor<8xf32> output
mixln.entry @multiply {
  %h = mixln.load @h : tensor<8x16xf32>
  %w = mixln.load @w : tensor<32x16xf32>
  %v = mixln.load @v : tensor<32x16xf32>
  %g = mixln.matmul lhs(%h : tensor<8x16xf32>) rhs(%w : tensor<32x16xf32>)
      transpose_rhs -> tensor<8x32xf32>
  %u = mixln.matmul lhs(%h : tensor<8x16xf32>) rhs(%v : tensor<32x16xf32>)
      transpose_rhs -> tensor<8x32xf32>
  %y = mixln.rowwise [8] rows(%g, %u : tensor<8x32xf32>, tensor<8x32xf32>)
      -> rows(tensor<8x32xf32>) {
  ^bb0(%a: vector<32xf32>, %b: vector<32xf32>):
    %0 = arith.mulf %a, %b : vector<32xf32>
    mixln.yield rows(%0 : vector<32xf32>)
  }
  mixln.store %y, @y : tensor<8x32xf32>
  %p = mixln.matmul lhs(%h : tensor<8x16xf32>) rhs(%v : tensor<32x16xf32>)
      transpose_rhs -> tensor<8x32xf32>
  %s = mixln.rowwise [8] rows(%p : tensor<8x32xf32>) -> rows(tensor<8xf32>) {
  ^bb0(%a: vector<32xf32>):
    %0 = vector.reduction <add>, %a : vector<32xf32> into f32
    mixln.yield rows(%0 : f32)
  }
  mixln.store %s, @s : tensor<8xf32>
}
