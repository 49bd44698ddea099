// The plan says which variables are kept between the steps of a generation, and
// that a product of the library adds to what its result holds.
// RUN: mixlnc %s --compile_from plan --compile_to lower --target cuda --print-plan -o %t.mlir | FileCheck %s
// CHECK: caches 1 1.00 KiB
// CHECK: entry add:
// CHECK-NOT: workspace
// CHECK: matmul.tn.f32.f32.add {{.*}} reads {{[0-9]+}}+512 {{[0-9]+}}+1024 writes adds to {{[0-9]+}}+2048
mixln.variable @keys : tensor<8x32xf32> cache
mixln.variable @d : tensor<8x16xf32> input
mixln.variable @grad.w : tensor<16x32xf32> gradient
mixln.entry @add {
  %d = mixln.load @d : tensor<8x16xf32>
  %x = mixln.load @keys : tensor<8x32xf32>
  %g = mixln.load @grad.w : tensor<16x32xf32>
  %s = mixln.matmul lhs(%d : tensor<8x16xf32>) rhs(%x : tensor<8x32xf32>)
      into(%g : tensor<16x32xf32>) transpose_lhs -> tensor<16x32xf32>
  mixln.store %s, @grad.w : tensor<16x32xf32>
}
