// RUN: mixln-opt %s | mixln-opt | FileCheck %s

// A kernel with its prototype and a dispatch of it round-trip.
// CHECK-LABEL: mixln.kernel @matmul
// CHECK: mixln.matmul lhs
mixln.kernel @matmul {
^bb0(%a: tensor<8x32xf32>, %b: tensor<16x32xf32>):
  %c = mixln.matmul lhs(%a : tensor<8x32xf32>) rhs(%b : tensor<16x32xf32>) transpose_rhs -> tensor<8x16xf32>
}
// CHECK: mixln.dispatch @matmul domain [] values [] reads [0, 1024] : [tensor<8x32xf32>, tensor<16x32xf32>] writes [4096] : [tensor<8x16xf32>]
mixln.entry @e {
  mixln.dispatch @matmul domain [] values [] reads [0, 1024] : [tensor<8x32xf32>, tensor<16x32xf32>] writes [4096] : [tensor<8x16xf32>]
}
